"""What a person wants to read of a running export, and how to tell one that stands still from one that is slow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB
from airflow_provider_hypercarbon.exceptions import ExportOverdueError, ExportStalledError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob

#: A line for each change of phase and each tenth of the way, and one this often when nothing changes.
SILENCE = timedelta(minutes=10)
#: Methods that report something while they run; ``web`` says nothing until its end.
TELLING_METHODS = frozenset({"govc", "ovftool", "ctl"})
#: A young export is looked at this often; an old one every tenth of its age, up to ``poll_interval``.
SOON_SECONDS = 5.0
#: A rate over less than this is noise.
RATE_SPAN = timedelta(seconds=10)


class Log(Protocol):
    """What both a stdlib logger and Airflow's task logger can do."""

    def info(self, message: str, *args: object) -> object: ...

    def warning(self, message: str, *args: object) -> object: ...


class Progress:
    """What one look after the other tells about an export.

    :param max_stall: raise :class:`ExportStalledError` after so long without any progress; None is never.
    :param give_up_at: raise :class:`ExportOverdueError` for an export that has not ended by then.
    """

    def __init__(
        self, job_id: str, log: Log, *, max_stall: timedelta | None = None, give_up_at: datetime | None = None
    ) -> None:
        self._job_id = job_id
        self._log = log
        self._max_stall = max_stall
        self._give_up_at = give_up_at
        self._misses = 0
        self._told: tuple[object, ...] = ()
        self._told_at: datetime | None = None
        self._sign: tuple[object, ...] = ()
        self._moved_at: datetime | None = None
        self._rate_from: tuple[datetime, int] | None = None
        self._rate: float | None = None
        self.seconds_left: float | None = None

    def missed(self, reason: Exception, now: datetime) -> None:
        """The daemon could not say how the export is: that says nothing about the export."""
        self._misses += 1
        if self._misses == 1:
            self._log.warning("%s The export %s may go on; asking again.", reason, self._job_id)
        self._moved_at = None  # Nobody can have seen progress meanwhile.
        self._check_time(now)

    def saw(self, job: ExportJob, now: datetime, *, bytes_seen: int | None = None) -> None:
        """Take a look into account: log what is new, raise when there is no sense in waiting longer.

        :param bytes_seen: what lies in the export's folder, where this machine sees it.
        """
        if self._misses:
            self._log.info("The daemon answers again after %d silent looks.", self._misses)
            self._misses = 0
        done = job.bytes_done or bytes_seen
        self._reckon(job, done, now)
        state = (job.status_word, job.phase, int((job.percent or 0) // 10))
        if state != self._told or self._told_at is None or now - self._told_at >= SILENCE:
            self._log.info("Export %s: %s.", job.id, self.words(job, done))
            self._told, self._told_at = state, now
        if not job.has_ended:
            self._check_time(now)
            self._check_stall(job, bytes_seen, now)

    def words(self, job: ExportJob, bytes_done: int | None = None) -> str:
        """Return phase, percentage, bytes, rate and time left, as far as they are known."""
        parts = [job.progress]
        if bytes_done and not job.bytes_done and not job.has_ended:
            parts.append(f"{bytes_done / BYTES_PER_GB:.2f} GB on disk")
        if self._rate and not job.has_ended:
            parts.append(f"{self._rate / 1e6:.1f} MB/s")
        if self.seconds_left is not None and not job.has_ended:
            parts.append(f"about {in_words(self.seconds_left)} left")
        return ", ".join(parts)

    def look_again_in(self, job: ExportJob | None, poll_interval: float, now: datetime) -> float:
        """Return the seconds until the next look: soon while it is young or near its end, else rarely."""
        began = job.started_at or job.created_at if job else None
        age = max(0.0, (now - began).total_seconds()) if began else 0.0
        soon = max(SOON_SECONDS, age / 10)
        if self.seconds_left is not None:
            soon = min(soon, max(SOON_SECONDS, self.seconds_left / 2))
        if self._misses:
            soon = SOON_SECONDS * 2.0 ** min(self._misses - 1, 10)
        pause = min(poll_interval, soon)
        if self._give_up_at is not None:
            pause = min(pause, max(0.0, (self._give_up_at - now).total_seconds()))
        return pause

    def _reckon(self, job: ExportJob, done: int | None, now: datetime) -> None:
        if done and self._rate_from and now - self._rate_from[0] >= RATE_SPAN:
            since, before = self._rate_from
            rate = (done - before) / (now - since).total_seconds()
            if rate >= 0:  # Half old, half new: a pause shows, a hiccup does not.
                self._rate = rate if self._rate is None else (self._rate + rate) / 2
            self._rate_from = (now, done)
        elif done and self._rate_from is None:
            self._rate_from = (now, done)
        self.seconds_left = None
        if self._rate and job.bytes_total and done:
            self.seconds_left = max(0.0, (job.bytes_total - done) / self._rate)
        elif job.percent and job.percent < 100 and job.started_at and now > job.started_at:
            self.seconds_left = (now - job.started_at).total_seconds() * (100 - job.percent) / job.percent

    def _check_time(self, now: datetime) -> None:
        if self._give_up_at is not None and now >= self._give_up_at:
            raise ExportOverdueError(
                f"The export {self._job_id} had not ended by {self._give_up_at:%Y-%m-%d %H:%M} UTC (max_duration). "
                "It is cancelled. A retry exports anew. Give it more time if it was only slow."
            )

    def _check_stall(self, job: ExportJob, bytes_seen: int | None, now: datetime) -> None:
        sign = (job.status_word, job.phase, job.step, job.percent, job.bytes_done, bytes_seen)
        if sign != self._sign or self._moved_at is None:
            self._sign, self._moved_at = sign, now
            return
        can_tell = job.export_method in TELLING_METHODS or bytes_seen is not None
        if self._max_stall is None or not can_tell:
            return
        stalled = now - self._moved_at
        if stalled >= self._max_stall:
            raise ExportStalledError(
                f"The export {self._job_id} has made no progress for {in_words(stalled.total_seconds())} "
                f"(max_stall), at: {self.words(job)}. It is cancelled. A retry exports anew."
            )


def in_words(seconds: float) -> str:
    """Return a span for a person: ``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
