"""The one error tree.

.. code-block:: text

    HyperCarbonError
    ├── ConfigurationError            a setting is wrong; trying again cannot help
    │   └── UnknownZoneError          no such zone
    ├── RemoteError                   a remote service did not give an answer we can use
    │   ├── AuthenticationError       401, 403: the credential was refused
    │   ├── AccessDeniedError         the credential is good, the plan does not include this
    │   ├── RequestRefusedError       another 4xx: the request itself is wrong
    │   │   └── NotFoundError         404
    │   ├── RateLimitedError          429, with ``retry_after``
    │   ├── UnavailableError          5xx, connection refused or cut
    │   │   └── NoAnswerError         asked, and nothing came in time
    │   └── BadAnswerError            not JSON, too large, a redirect, an unexpected shape
    ├── NoDataError                   nothing to decide or to compute with
    │   ├── BadDataError              data came and were refused, with a named ``problem``
    │   ├── NoBasisError              there are numbers, which say nothing about the hours to come
    │   └── NotAskedError             a limit of our own kept us from asking, with ``retry_after``
    ├── ExportError                   a VM export did not end in a finished export
    │   ├── ExportRejectedError       the daemon refused the job
    │   ├── ExportConflictError       the VM is being exported by somebody else
    │   ├── NoSpaceError              the folder has no room for the export
    │   ├── ExportFailedError         the daemon ran the job and it failed
    │   ├── ExportCancelledError      somebody cancelled the job
    │   ├── ExportLostError           the daemon no longer knows a job that it accepted
    │   ├── ExportStalledError        the job has made no progress for too long
    │   ├── ExportOverdueError        the job has run for too long
    │   ├── ExportUnusableError       the job completed, and its files are wanting
    │   └── OvertakenError            another try works on the export now
    └── ReportStoreError              the results table cannot be used

Every message states a fact, carries its data and says what to do next. None holds a credential.
"""

from __future__ import annotations


class HyperCarbonError(Exception):
    """Anything this package raises on purpose."""

    #: Whether the same call may succeed later. An Airflow task retries only when this is true.
    retryable = False


class ConfigurationError(HyperCarbonError):
    """A setting is wrong; trying again cannot help."""


class UnknownZoneError(ConfigurationError):
    """The zone does not exist, or the source does not know it."""


class RemoteError(HyperCarbonError):
    """A remote service did not give an answer we can use.

    :param message: what happened, and what to do next.
    :param status: HTTP status code, when there was one.
    :param detail: the beginning of the service's own words, when it had any.
    """

    def __init__(self, message: str, *, status: int | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class AuthenticationError(RemoteError):
    """The credential was refused (401, 403)."""


class AccessDeniedError(RemoteError):
    """The credential is good, but its plan does not include this zone or endpoint."""


class RequestRefusedError(RemoteError):
    """The service calls the request itself wrong (4xx)."""


class NotFoundError(RequestRefusedError):
    """The service does not know what was asked for (404)."""


class RateLimitedError(RemoteError):
    """Too many requests (429).

    :param retry_after: seconds the service asked us to stay away, when it said so.
    """

    retryable = True

    def __init__(
        self, message: str, *, status: int | None = 429, detail: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, status=status, detail=detail)
        self.retry_after = retry_after


class UnavailableError(RemoteError):
    """The service is down, too slow or out of reach; later may work."""

    retryable = True


class NoAnswerError(UnavailableError):
    """The request went out, and no answer came in time: the service may have counted it, and may have done it."""


class BadAnswerError(RemoteError):
    """The answer is not what the service documents; later may work."""

    retryable = True


class NoDataError(HyperCarbonError):
    """There is nothing to decide or to compute with."""

    retryable = True


class BadDataError(NoDataError):
    """Data came and were refused.

    :param message: what was wrong with which value.
    :param problem: one word for machines: ``null``, ``not_a_number``, ``negative``, ``zero``, ``absurd``,
        ``stale``, ``wrong_zone``, ``time``, ``empty``, ``mixed_signal``, ``units``, ``jump``, ``estimated``,
        ``sandbox``.
    """

    def __init__(self, message: str, *, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class NoBasisError(NoDataError):
    """There are numbers that say nothing about the hours to come: yearly averages, or a model's output."""


class NotAskedError(NoDataError):
    """A limit of our own kept us from asking.

    :param retry_after: seconds until it no longer does.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ExportError(HyperCarbonError):
    """A VM export did not end in a finished export."""

    retryable = True


class ExportRejectedError(ExportError):
    """The daemon refused the job."""


class ExportConflictError(ExportError):
    """The VM is being exported by another run, or by hand, and this one was told not to queue."""

    retryable = False


class NoSpaceError(ExportError):
    """The folder has no room for the export."""


class ExportFailedError(ExportError):
    """The daemon ran the job and it failed."""


class ExportCancelledError(ExportError):
    """Somebody cancelled the job."""


class ExportLostError(ExportError):
    """The daemon no longer knows a job that it accepted, as after a restart."""


class ExportStalledError(ExportError):
    """The job has made no progress for longer than ``max_stall``."""


class ExportOverdueError(ExportError):
    """The job has run for longer than ``max_duration``."""


class ExportUnusableError(ExportError):
    """The job completed, and its files are missing, cut off or corrupt."""


class OvertakenError(ExportError):
    """Another try of the same task works on the export now; this one has no say any more."""


class ReportStoreError(HyperCarbonError):
    """The results table cannot be used."""
