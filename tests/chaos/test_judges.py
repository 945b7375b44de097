"""The judges of the chaos test see what they are there to see."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos import daemon_log
from tests.chaos.network import TORN_AFTER, Network
from tests.chaos.plan import CUTS, draw
from tests.chaos.survival import GOES_ON_AT_MOST, Export, Struck, faults, kills_table, survival_table

T0 = datetime(2026, 3, 2, 20, 0, 0, tzinfo=UTC)


def log_of(*events: str) -> list[str]:
    """A daemon's log, one event a second."""
    return [f"{(T0 + timedelta(seconds=n)).isoformat()} {event}" for n, event in enumerate(events)]


ACCEPTED = "Job a-1 accepted: /DC0/vm/vm-0001."
COMPLETED = "Job a-1 completed."
CANCELLED = "Job a-1 cancelled; its export goes on."
#: What comes after this is a second later than a job may go on after a user's kill.
LONG_AFTER = ("",) * int(GOES_ON_AT_MOST.total_seconds())
RESTARTED = "Development daemon on http://127.0.0.1:1. VMs in /x: none."


def export_of(folder: Path, *events: str, state: str = "success", **fields: object) -> Export:
    """An export whose file is right, with what the daemon wrote about it."""
    image, output_dir = folder / "vm-0001.img", folder / "exports"
    (output_dir / "a-1").mkdir(parents=True)
    image.write_bytes(b"disk")
    (output_dir / "a-1" / "disk.vmdk").write_bytes(b"disk")
    export = Export("dag", "run-1", "vm-0001", output_dir, image, T0)
    export.state, export.xcom = state, {"vm_name": "vm-0001", "output_dir": str(output_dir / "a-1")}
    export.ended_at = T0 + timedelta(minutes=1)
    export.jobs = daemon_log.read(log_of(*events)).get("vm-0001", [])
    for name, value in fields.items():
        setattr(export, name, value)
    return export


class TestFaults:
    @pytest.mark.parametrize(
        ("events", "found"),
        [
            ((ACCEPTED, COMPLETED), []),
            ((ACCEPTED, RESTARTED, ACCEPTED, COMPLETED), []),
            ((ACCEPTED, CANCELLED, ACCEPTED.replace("a-1", "a-2"), COMPLETED.replace("a-1", "a-2")), []),
            ((ACCEPTED, COMPLETED, RESTARTED, ACCEPTED, COMPLETED), ["green, finished 2 times"]),
            ((ACCEPTED,), ["green, finished 0 times"]),
        ],
    )
    def test_one_finished_export_by_the_daemons_log(self, tmp_path: Path, events: tuple[str, ...], found: list[str]):
        """Over restarts of the daemon; what was cancelled counts for nothing."""
        assert faults(export_of(tmp_path, *events)) == found

    def test_a_users_clear_may_export_anew(self, tmp_path: Path):
        """One more for each clear, no more."""
        events = (ACCEPTED, COMPLETED, ACCEPTED.replace("a-1", "a-2"), COMPLETED.replace("a-1", "a-2"))
        assert faults(export_of(tmp_path, *events, cleared_at=[T0])) == []
        assert faults(export_of(tmp_path / "x", *events)) == ["green, finished 2 times"]

    def test_a_green_task_without_its_file(self, tmp_path: Path):
        """Missing, other than the VM's disk, or not told of."""
        export = export_of(tmp_path, ACCEPTED, COMPLETED)
        (tmp_path / "exports/a-1/disk.vmdk").write_bytes(b"dis")
        assert faults(export) == ["green without a verified file"]
        (tmp_path / "exports/a-1/disk.vmdk").unlink()
        assert faults(export) == ["green without a verified file"]
        export.xcom = None
        assert faults(export) == ["green without a verified file"]

    def test_a_red_task(self, tmp_path: Path):
        """With a finished export it is a lie, without one a lost backup."""
        assert faults(export_of(tmp_path, ACCEPTED, COMPLETED, state="failed")) == ["failed with a finished export"]
        assert faults(export_of(tmp_path / "x", state="failed")) == ["failed without a finished export"]

    @pytest.mark.parametrize(
        ("events", "found"),
        [
            ((ACCEPTED, CANCELLED), 0),
            ((ACCEPTED, CANCELLED, COMPLETED), 0),
            ((ACCEPTED, RESTARTED), 0),
            ((ACCEPTED, COMPLETED), 0),
            ((ACCEPTED,), 1),
            ((ACCEPTED, *LONG_AFTER, COMPLETED), 1),
            ((ACCEPTED, *LONG_AFTER, CANCELLED), 1),
            ((ACCEPTED, *LONG_AFTER, RESTARTED), 1),
            ((ACCEPTED, CANCELLED, ACCEPTED.replace("a-1", "a-2")), 1),
            ((ACCEPTED, *LONG_AFTER[1:], CANCELLED), 0),
            ((*LONG_AFTER, ACCEPTED, CANCELLED), 0),
        ],
    )
    def test_what_goes_on_after_a_users_kill(self, tmp_path: Path, events: tuple[str, ...], found: int):
        """Each job is to be cancelled in time, also one that an orphaned process submits afterwards."""
        export = export_of(tmp_path, *events, state="failed", marked_failed_at=T0)
        assert len(faults(export)) == found

    def test_how_soon_users_kills_were_carried_out(self, tmp_path: Path):
        """Orphans are told apart; a job that the daemon's death ended counts for neither."""
        cancelled = export_of(tmp_path / "a", ACCEPTED, "", "", CANCELLED, marked_failed_at=T0)
        orphan = export_of(tmp_path / "b", ACCEPTED, *[""] * 40, CANCELLED, marked_failed_at=T0, orphaned=True)
        lost = export_of(tmp_path / "c", ACCEPTED, RESTARTED, marked_failed_at=T0, orphaned=True)
        spread = "after 41 s (median), 41 s (longest); 0 finished before that"
        assert kills_table([cancelled, orphan, lost]).splitlines() == [
            f"users' kills: 2 jobs cancelled, {spread}",
            f"of them with the triggerer: 1 jobs cancelled, {spread}",
        ]

    def test_the_table_says_where_exports_stood(self, tmp_path: Path):
        """Each blow counts the exports under way, by phase."""
        export = export_of(tmp_path, "nothing yet", ACCEPTED, COMPLETED)
        struck = [Struck("daemon", T0 + timedelta(seconds=each)) for each in (0, 1, 2, 90)]
        rows = [[cell.strip() for cell in line.split("|")] for line in survival_table(struck, [export]).splitlines()]
        assert rows[2] == ["daemon", "4", "1", "1", "1", "1", "0", "0", "0"]


class TestPlan:
    def test_a_seed_is_a_plan(self):
        """The same again for the same seed, another for another; with Celery there is more to strike."""
        assert draw(1, 40, "LocalExecutor") == draw(1, 40, "LocalExecutor") != draw(2, 40, "LocalExecutor")
        kinds = {blow.kind for blow in draw(1, 200, "CeleryExecutor")}
        assert kinds - {blow.kind for blow in draw(1, 200, "LocalExecutor")} == {"celery worker"}

    def test_users_come_on_top(self):
        """200 kills are 200 kills."""
        blows = draw(1, 200, "CeleryExecutor")
        assert sum(blow.kind not in ("mark failed", "clear", "orphan") for blow in blows) == 200 < len(blows)

    def test_the_shortest_storm_makes_an_orphan(self):
        """Whatever the seed."""
        assert all("orphan" in {blow.kind for blow in draw(seed, 3, "LocalExecutor")} for seed in range(20))


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that repeats what it hears."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with suppress(OSError):
                    connection.sendall(connection.recv(65536))
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield int(listening.getsockname()[1])
    listening.close()


class TestNetwork:
    def ask(self, network: Network, words: bytes = b"x" * 500) -> bytes:
        with socket.create_connection(("127.0.0.1", network.port), timeout=2) as connection:
            connection.settimeout(0.6)
            connection.sendall(words)
            heard = b""
            while part := connection.recv(65536):
                heard += part
            return heard

    def test_whole(self, echo: int):
        assert self.ask(Network(echo)) == b"x" * 500

    @pytest.mark.parametrize("way", CUTS)
    def test_cut(self, echo: int, way: str):
        """Each cut hides the answer in its own way, and heals."""
        network = Network(echo)
        network.cut(way, 1.2)
        try:
            heard: object = self.ask(network)
        except OSError as error:
            heard = type(error)
        wanted = {"refused": ConnectionResetError, "silent": TimeoutError, "answers lost": b""}
        assert heard == wanted.get(way, b"x" * TORN_AFTER)
        network.cut("", 0)
        assert self.ask(network) == b"x" * 500
