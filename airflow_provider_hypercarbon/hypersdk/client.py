"""Talk to the HyperSDK export daemon: submit once, ask, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import quote, urlsplit

from airflow_provider_hypercarbon._http import JsonHttp
from airflow_provider_hypercarbon.exceptions import (
    BadAnswerError,
    ConfigurationError,
    ExportLostError,
    ExportRejectedError,
    NotFoundError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_hypercarbon.hypersdk.carbon_metadata import go_span
from airflow_provider_hypercarbon.hypersdk.models import (
    ExportJob,
    ExportMethod,
    ExportRequest,
    JobStatus,
    scrub,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import timedelta

    import httpx

Auth = Literal["api_key", "bearer"]


class HyperSDKClient:
    """One HyperSDK daemon.

    Every call is bounded in time and raises an error of our tree. No call needs a credential on a daemon as it
    is shipped; a hardened one or a reverse proxy may want one.

    :param base_url: where the daemon lives: ``http://host:8080``.
    :param token: an API key or a bearer token.
    :param auth: how to send it: in ``X-API-Key``, or in ``Authorization: Bearer``.
    :param verify: check the TLS certificate of an https daemon; or the path of a file with the authorities for that.
    :param transport: stands in for the network in tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        auth: Auth = "api_key",
        verify: bool | str = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {}
        if token:
            headers = {"X-API-Key": token} if auth == "api_key" else {"Authorization": f"Bearer {token}"}
        self.name = f"The HyperSDK daemon at {urlsplit(base_url).netloc.rpartition('@')[2]}"
        self._http = JsonHttp(base_url, service=self.name, headers=headers, verify=verify, transport=transport)

    def hurry(self, seconds: float) -> None:
        """Give every later call so much time and no more."""
        self._http.hurry(seconds)

    def ensure_submitted(self, request: ExportRequest) -> ExportJob:
        """Submit the export, or attach to the job that already carries its id.

        The submit goes out once. When its answer is lost on the way, the daemon is asked for the id before
        anything is said, so that no answer means two exports.
        """
        try:
            return self._accepted(request, self._submit(request))
        except (UnavailableError, BadAnswerError):
            job = self._existing(request)
            if job is None:
                raise
            return job

    def get_job(self, job_id: str) -> ExportJob:
        """Return the job as the daemon knows it now; a job that it forgot is an :class:`ExportLostError`."""
        try:
            return ExportJob.from_daemon(self._http.get(f"/jobs/{quote(job_id, safe='')}"))
        except NotFoundError as error:
            # A proxy whose daemon is down answers 404 as well. Only the daemon's own words mean a lost job.
            if error.detail.lstrip().startswith("{") and '"error"' in error.detail:
                raise ExportLostError(
                    f"{self.name} does not know the job {job_id}. Jobs live in its memory: it was restarted, and "
                    "a running export ended with it. A retry submits the export again."
                ) from None
            raise UnavailableError(
                f"{self.name}: something answered 404 in the daemon's place. It may work later.", status=404
            ) from None

    def query(self, job_ids: Sequence[str]) -> list[ExportJob]:
        """Return those of the jobs that the daemon knows, in the order asked for."""
        if not job_ids:  # An empty list would mean all jobs to the daemon.
            return []
        answer = self._object(self._http.post("/jobs/query", {"job_ids": list(job_ids)}, retry=True))
        rows = answer.get("jobs")
        jobs = [ExportJob.from_daemon(row) for row in rows] if isinstance(rows, list) else []
        known = {job.id: job for job in jobs}
        return [known[job_id] for job_id in job_ids if job_id in known]

    def active_jobs(self, besides: Collection[str] = ()) -> list[ExportJob]:
        """Return the jobs that the daemon says it is working on, whoever submitted them.

        :param besides: ids of jobs that nobody asks about: of thousands, only the others are looked at closely.
        """
        answer = self._object(self._http.post("/jobs/query", {"status": ["pending", "running"]}, retry=True))
        rows = answer.get("jobs")
        others = [row for row in rows if _id_of(row) not in besides] if isinstance(rows, list) else []
        return [ExportJob.from_daemon(row) for row in others]

    def cancel(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Ask the daemon to cancel, and return the daemon's words for each job that was not cancelled.

        The daemon only marks a job as cancelled. The export behind it goes on to its end.
        """
        if not job_ids:
            return {}
        answer = self._object(self._http.post("/jobs/cancel", {"job_ids": list(job_ids)}, retry=True))
        cancelled, errors = answer.get("cancelled"), answer.get("errors")
        done = set(cancelled) if isinstance(cancelled, list) else set()
        words = errors if isinstance(errors, dict) else {}
        return {job_id: str(words.get(job_id, "no reason given")) for job_id in job_ids if job_id not in done}

    def health(self) -> str:
        """Return the daemon's word for its health: ``healthy``."""
        return str(self._object(self._http.get("/health")).get("status"))

    def status(self) -> dict[str, object]:
        """Return the daemon's version, uptime and job counts."""
        return self._object(self._http.get("/status"))

    def uptime(self) -> timedelta | None:
        """Return how long the daemon has been up; None when it does not say so in a way that we can read."""
        return go_span(self.status().get("uptime"))

    def capabilities(self) -> frozenset[str]:
        """Return the export methods that the daemon can use."""
        methods = self._object(self._http.get("/capabilities")).get("capabilities")
        if not isinstance(methods, dict):
            raise BadAnswerError(f"{self.name} did not say which export methods it has. It may work later.")
        return frozenset(
            name for name, facts in methods.items() if isinstance(facts, dict) and facts.get("available") is True
        )

    def choose_export_method(self, wanted: str | None = None) -> ExportMethod:
        """Return the wanted method, else govc, else web.

        Never the daemon's default: that prefers ``ctl``, which fails every job, and it replaces a method that
        it does not have by that default without a word.
        """
        available = self.capabilities()
        if wanted:
            if wanted not in available:
                raise ConfigurationError(
                    f"{self.name} has no export method {wanted!r}. Choose one that it has: "
                    f"{', '.join(sorted(available))}."
                )
            return cast("ExportMethod", wanted)
        return "govc" if "govc" in available else "web"

    def _submit(self, request: ExportRequest) -> object:
        try:
            return self._http.post("/jobs/submit", request.to_json())
        except NotFoundError as error:
            raise RequestRefusedError(
                f"{self.name} knows no /jobs/submit. Check the connection's host and port.", status=error.status
            ) from None
        except RequestRefusedError as error:
            words = scrub(error.detail, request.vcenter.password.get_secret_value())
            raise RequestRefusedError(
                f"{self.name} refused the export of {request.vm_path}: {words}", status=error.status, detail=words
            ) from None

    def _accepted(self, request: ExportRequest, answer: object) -> ExportJob:
        said = self._object(answer)
        if said.get("accepted") == 1:
            ids = said.get("job_ids")
            given = ids[0] if isinstance(ids, list) and ids and isinstance(ids[0], str) else request.id
            return ExportJob(
                id=given,
                status=JobStatus.PENDING,
                vm_path=request.vm_path,
                output_dir=request.output_dir,
                format=request.format,
                export_method=request.export_method,
            )
        if not said.get("rejected"):
            raise BadAnswerError(f"{self.name} neither accepted nor rejected {request.id}. It may work later.")
        # The usual reason is that our id exists. To ask for it is surer than to read the daemon's prose.
        job = self._existing(request)
        if job is None:
            errors = said.get("errors")
            words = "; ".join(map(str, errors)) if isinstance(errors, list) else "no reason given"
            words = scrub(words, request.vcenter.password.get_secret_value())
            raise ExportRejectedError(f"{self.name} rejected the export of {request.vm_path}: {words}")
        return job

    def _existing(self, request: ExportRequest) -> ExportJob | None:
        try:
            job = self.get_job(request.id)
        except ExportLostError:
            return None
        if job.vm_path != request.vm_path:
            raise ExportRejectedError(
                f"{self.name} already has a job {request.id}, for {job.vm_path} and not for {request.vm_path}. "
                "Two Airflow deployments with the same DAG and run may share this daemon."
            )
        return job

    def _object(self, answer: object) -> dict[str, object]:
        if not isinstance(answer, dict):
            raise BadAnswerError(f"{self.name} did not answer with a JSON object. It may work later.")
        return answer


def _id_of(row: object) -> str:
    """Return the id of a job in the daemon's answer, unread."""
    definition = row.get("definition") if isinstance(row, dict) else None
    job_id = definition.get("id") if isinstance(definition, dict) else None
    return job_id if isinstance(job_id, str) else ""
