from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.exceptions import AuthenticationError, ExportLostError, UnavailableError
from airflow_provider_hypercarbon.hypersdk.following import (
    MIN_GAP_SECONDS,
    MOST_IDS,
    Following,
    following,
    lost_reason,
)
from airflow_provider_hypercarbon.hypersdk.models import ExportJob


class Daemon:
    """Answers queries; time passes only when somebody sleeps."""

    name = "The daemon"

    def __init__(self):
        self.now = 0.0
        self.queries = []  # (when, ids)
        self.known = None  # ids; None is any
        self.error = None
        self.clients = 0

    async def client(self):
        self.clients += 1
        return self

    def query(self, job_ids):
        self.queries.append((self.now, list(job_ids)))
        if self.error:
            raise self.error
        return [ExportJob(id=i, status="running") for i in job_ids if self.known is None or i in self.known]

    def uptime(self):
        self.queries.append((self.now, "status"))
        return timedelta(seconds=42)

    async def sleep(self, seconds):
        # Whoever else is ready goes first; then time passes for the one who sleeps shortest.
        for _ in range(50):
            await asyncio.sleep(0)
        self.now += seconds

    def hub(self):
        return Following(self.client, clock=lambda: self.now, sleep=self.sleep)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def test_many_share_one_query():
    """A thousand triggers wait: two queries, not a thousand."""
    daemon = Daemon()

    async def follow():
        hub = daemon.hub()
        return await asyncio.gather(*(hub.look(f"job-{n}", 30) for n in range(2 * MOST_IDS)))

    jobs = run(follow())
    assert [job.id for job in jobs] == [f"job-{n}" for n in range(2 * MOST_IDS)]
    assert [len(ids) for _, ids in daemon.queries] == [MOST_IDS, MOST_IDS]


def test_two_who_wait_for_one_job_are_one_id():
    """A run that queues behind another's export asks with it."""
    daemon = Daemon()

    async def follow():
        hub = daemon.hub()
        return await asyncio.gather(hub.look("job", 5), hub.look("job", 5))

    assert {job.id for job in run(follow())} == {"job"}
    assert [ids for _, ids in daemon.queries] == [["job"]]


def test_never_more_than_one_request_a_second():
    """However impatient those are who wait."""
    daemon = Daemon()

    async def follow():
        hub = daemon.hub()

        async def impatient(n):
            for _ in range(5):
                await hub.look(f"job-{n}", 0.01 * n)

        await asyncio.gather(*(impatient(n) for n in range(20)))

    run(follow())
    moments = [when for when, _ in daemon.queries]
    assert all(later - earlier >= MIN_GAP_SECONDS - 1e-9 for earlier, later in itertools.pairwise(moments))


def test_what_is_nearly_due_goes_along():
    """Looks that began apart fall into step."""
    daemon = Daemon()

    async def follow():
        hub = daemon.hub()
        await asyncio.gather(*(hub.look(f"job-{n}", 27 + n) for n in range(4)))

    run(follow())
    assert [len(ids) for _, ids in daemon.queries] == [4]


def test_an_outage_is_told_to_everybody():
    """Each trigger says so in its own log, and asks again at its own pace."""
    daemon = Daemon()
    daemon.error = UnavailableError("down")

    async def follow():
        hub = daemon.hub()
        return await asyncio.gather(*(hub.look(f"job-{n}", 1) for n in range(3)), return_exceptions=True)

    assert {str(error) for error in run(follow())} == {"down"}
    assert len(daemon.queries) == 1


def test_a_refused_credential_is_read_again():
    """Somebody may have mended the connection."""
    daemon = Daemon()

    async def follow():
        hub = daemon.hub()
        await hub.look("job", 1)
        daemon.error = AuthenticationError("refused")
        with pytest.raises(AuthenticationError):
            await hub.look("job", 1)
        daemon.error = None
        await hub.look("job", 1)

    run(follow())
    assert daemon.clients == 2


def test_a_job_is_lost_when_it_is_missing_twice():
    """And a look at the daemon's uptime says why; those it knows are answered meanwhile."""
    daemon = Daemon()
    daemon.known = {"here"}

    async def follow():
        hub = daemon.hub()
        return await asyncio.gather(hub.look("gone", 1), hub.look("here", 1), return_exceptions=True)

    gone, here = run(follow())
    assert isinstance(gone, ExportLostError)
    assert "up for 42 s" in str(gone)
    assert here.id == "here"
    assert [ids for _, ids in daemon.queries] == [["gone", "here"], ["gone"], "status"]


def test_who_stops_waiting_is_forgotten():
    """A killed trigger costs no request any more."""
    daemon = Daemon()

    async def follow():
        hub = daemon.hub()
        look = asyncio.create_task(hub.look("job", 1000))
        await asyncio.sleep(0)
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
        assert hub._turns == {}
        await hub.look("other", 1)

    run(follow())
    assert [ids for _, ids in daemon.queries] == [["other"]]


def test_one_follower_a_connection_and_loop():
    """Never a credential of one connection for another."""

    async def same():
        daemon = Daemon()
        first, second, other = (following(key, daemon.client) for key in ("a", "a", "b"))
        return first is second, first is other

    assert run(same()) == (True, False)


@pytest.mark.parametrize(
    ("uptime", "words"),
    [
        (None, "Jobs live in its memory."),
        (timedelta(seconds=3), "up for 3 s"),
        (timedelta(hours=3), "up for 180 min"),
    ],
)
def test_why_a_job_is_lost(uptime, words):
    """A restart shows in the uptime; so does a daemon that has been there all the time."""
    assert words in lost_reason(uptime)


def test_what_nobody_here_waits_for():
    """Only the others are looked at closely, also one that somebody queues behind; requests keep their distance."""
    daemon, asked = Daemon(), []

    def active_jobs(besides):
        asked.append((daemon.now, set(besides)))
        return [ExportJob(id=i, status="running") for i in ("a", "b") if i not in besides]

    daemon.active_jobs = active_jobs

    async def sleep(seconds):
        if seconds > 1000:  # the turns of the two never come
            await asyncio.Event().wait()
        daemon.now += seconds

    async def go():
        hub = Following(daemon.client, clock=lambda: daemon.now, sleep=sleep)
        waiting = [asyncio.create_task(hub.look(i, 3600.0, own=i == "a")) for i in ("a", "b")]
        await asyncio.sleep(0)
        first, second = await hub.unfollowed(), await hub.unfollowed()
        for each in waiting:
            each.cancel()
        assert hub.requests >= 2
        return [job.id for job in first + second]

    assert run(go()) == ["b", "b"]
    assert [besides for _, besides in asked] == [{"a"}, {"a"}]
    assert asked[1][0] - asked[0][0] >= MIN_GAP_SECONDS
