"""Follow many jobs of one daemon with few requests: one query for all whose turn has come.

A triggerer runs hundreds of triggers in one event loop. Each awaits :meth:`Following.look`; what is due at about the
same time goes out as one ``/jobs/query``, in a thread, and never more often than once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_hypercarbon.exceptions import ExportLostError, RemoteError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob

#: Between two requests to one daemon, whatever is due.
MIN_GAP_SECONDS = 1.0
#: A query asks for so many jobs at most: the answer stays near a megabyte, and so does the time that parsing takes.
MOST_IDS = 500
#: What comes due within this part of its pause goes along with what is due now.
SLACK = 0.2
#: How long a client, and the credential in it, serves before the connection is read again.
CLIENT_SECONDS = 300.0

MakeClient = Callable[[], Awaitable["HyperSDKClient"]]
_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Following]] = WeakKeyDictionary()


def following(key: str, make_client: MakeClient) -> Following:
    """Return the one follower of a daemon in this event loop.

    :param key: what tells daemons apart: the id of their Airflow connection.
    :param make_client: makes a client from that connection.
    """
    hubs = _LOOPS.setdefault(asyncio.get_running_loop(), {})
    if key not in hubs:
        hubs[key] = Following(make_client)
    return hubs[key]


class _Turn:
    """One job that somebody waits to hear of."""

    __slots__ = ("answer", "due", "earliest", "missing", "own")

    def __init__(self, answer: asyncio.Future[ExportJob], due: float, earliest: float, *, own: bool) -> None:
        self.answer = answer
        self.due = due
        self.earliest = earliest
        self.missing = False
        self.own = own


class Following:
    """Ask one daemon about all the jobs that this event loop waits for."""

    def __init__(
        self,
        make_client: MakeClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._make_client = make_client
        self._clock = clock
        self._sleep = sleep
        self._client: HyperSDKClient | None = None
        self._client_since = 0.0
        self._turns: dict[str, list[_Turn]] = {}
        self._runner: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._asked_at = float("-inf")
        #: Requests made, for whoever measures.
        self.requests = 0

    async def look(self, job_id: str, pause: float, *, own: bool = True) -> ExportJob:
        """Return the job as the daemon tells it in ``pause`` seconds, or a little earlier.

        :param own: whether the job is that of who looks; of another's nobody knows whether it is still wanted.
        :raises ExportLostError: the daemon answered twice without knowing the job.
        :raises RemoteError: it did not answer.
        """
        now = self._clock()
        turn = _Turn(asyncio.get_running_loop().create_future(), now + pause, now + pause * (1 - SLACK), own=own)
        self._turns.setdefault(job_id, []).append(turn)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        self._woken.set()
        try:
            return await turn.answer
        finally:
            self._drop(job_id, turn)

    async def unfollowed(self) -> list[ExportJob]:
        """Return the daemon's active jobs but those whose own task waits for them here.

        :raises RemoteError: it did not answer.
        """
        client = await self._current_client()
        await self._keep_the_gap()
        followed = {job_id for job_id, turns in self._turns.items() if any(turn.own for turn in turns)}
        return await asyncio.to_thread(client.active_jobs, followed)

    async def _run(self) -> None:
        while self._turns:
            now = self._clock()
            due = min(turn.due for turns in self._turns.values() for turn in turns)
            wait = max(due, self._asked_at + MIN_GAP_SECONDS) - now
            if wait > 0:
                self._woken.clear()
                await self._doze(wait)
                continue
            ready = [
                (turn.due, job_id) for job_id, turns in self._turns.items() for turn in turns if turn.earliest <= now
            ]
            batch = list(dict.fromkeys(job_id for _, job_id in sorted(ready)))[:MOST_IDS]
            await self._ask(batch)

    async def _doze(self, seconds: float) -> None:
        """Sleep, or until somebody has come whose turn may be earlier."""
        nap = asyncio.ensure_future(self._sleep(seconds))
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((nap, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            woken.cancel()

    async def _ask(self, batch: list[str]) -> None:
        try:
            client = await self._current_client()
            self._asked_at = self._clock()
            self.requests += 1
            found = {job.id: job for job in await asyncio.to_thread(client.query, batch)}
        except Exception as error:  # noqa: BLE001  (whoever waits must hear of it, whatever it is)
            self._asked_at = self._clock()
            if not isinstance(error, RemoteError) or not error.retryable:
                self._client = None  # A refused credential may have been replaced since.
            for job_id in batch:
                self._answer(job_id, error=error)
            return
        missing = [job_id for job_id in batch if job_id not in found]
        for job_id in batch:
            if job_id in found:
                self._answer(job_id, job=found[job_id])
        # Once is no proof: the query may have met a daemon that was just going down.
        if lost := [job_id for job_id in missing if any(turn.missing for turn in self._turns.get(job_id, ()))]:
            reason = await self._why_lost(client)
            for job_id in lost:
                self._answer(job_id, error=ExportLostError(f"{client.name} does not know the job {job_id}. {reason}"))
        for job_id in missing:
            for turn in self._turns.get(job_id, ()):
                turn.missing = True
                turn.due = turn.earliest = self._clock()

    async def _why_lost(self, client: HyperSDKClient) -> str:
        """Tell a restarted daemon from one that has lost a job, or is another one."""
        await self._keep_the_gap()
        try:
            uptime = await asyncio.to_thread(client.uptime)
        except RemoteError:
            uptime = None
        return lost_reason(uptime)

    async def _keep_the_gap(self) -> None:
        """Wait until another request may go out, and count it."""
        await self._sleep(max(0.0, self._asked_at + MIN_GAP_SECONDS - self._clock()))
        self._asked_at = self._clock()
        self.requests += 1

    async def _current_client(self) -> HyperSDKClient:
        if self._client is None or self._clock() - self._client_since > CLIENT_SECONDS:
            self._client, self._client_since = await self._make_client(), self._clock()
        return self._client

    def _answer(self, job_id: str, *, job: ExportJob | None = None, error: Exception | None = None) -> None:
        for turn in self._turns.pop(job_id, ()):
            if turn.answer.done():
                continue
            if error is not None:
                turn.answer.set_exception(error)
            elif job is not None:
                turn.answer.set_result(job)

    def _drop(self, job_id: str, turn: _Turn) -> None:
        """Forget one who does not wait any more."""
        turns = self._turns.get(job_id)
        if turns and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._turns[job_id]


def lost_reason(uptime: timedelta | None) -> str:
    """Say why a daemon does not know a job that it had accepted."""
    again = "A retry looks at its files, and exports again unless they are whole."
    if uptime is None:
        return f"Jobs live in its memory. {again}"
    minutes = uptime.total_seconds() / 60
    since = f"{uptime.total_seconds():.0f} s" if minutes < 2 else f"{minutes:.0f} min"
    return f"It has been up for {since}: jobs live in its memory, and a restart ends them. {again}"
