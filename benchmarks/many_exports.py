"""Let a real triggerer wait for thousands of exports at once, and print what that costs.

    python benchmarks/many_exports.py                             # 2,000 exports for ten minutes
    python benchmarks/many_exports.py --exports 300 --minutes 1   # what CI runs

It starts a development daemon in this process, gives it the exports, and starts ``airflow triggerer`` on a database
of its own: on PostgreSQL when HYPERCARBON_TEST_POSTGRES names a server (see ``.ci/databases.sh``), else on SQLite.
Task instances and triggers are written straight into the database: what is measured is the waiting. A trigger among
them measures the event loop. Figures of a machine that others use as well are upper bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx

HERE = Path(__file__).resolve().parent
#: A chunk of the daemon's copying takes half a minute, so that there is progress to tell and no load to speak of.
BYTES_PER_SECOND = 256 * 1024 / 30
VM_MB = 512
#: Bounds of a good run.
MOST_LAG_MS = 100.0
MOST_REQUESTS_A_SECOND = 1.0
START_SECONDS = 300.0
DAG = """
import pendulum
from airflow.sdk import DAG
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator

with DAG("many_exports", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    VMExportOperator(task_id="export", vm_path="/DC0/vm/db", output_dir="/exports", deferrable=True)
"""


def main() -> int:
    """Run it; return 0 when every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--fill", nargs=3, metavar=("FIRST", "COUNT", "PROBE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fill:
        fill_database(int(arguments.fill[0]), int(arguments.fill[1]), arguments.fill[2])
        return 0
    with tempfile.TemporaryDirectory(prefix="hypercarbon-many-", ignore_cleanup_errors=True) as folder:
        return run(Path(folder), arguments.exports, arguments.minutes)


def run(home: Path, exports: int, minutes: float) -> int:
    """Measure with this many exports."""
    from airflow_provider_hypercarbon.hypersdk.devserver import DevDaemon

    vms = home / "vms"
    vms.mkdir()
    with (vms / "db.img").open("wb") as image:
        image.truncate(VM_MB * 1_000_000)
    threading.stack_size(256 * 1024)  # the daemon gives every export a thread
    with DevDaemon(vms, bytes_per_second=BYTES_PER_SECOND) as daemon, Airflow(home, daemon.url) as airflow:
        asked = count_requests(daemon)
        submit(daemon.url, exports, home / "out")
        airflow.prepare()
        probe = home / "probe.jsonl"
        airflow.fill(0, 0, probe)
        airflow.start_triggerer()
        before = wait_until(probe, lambda seen: len(seen) >= 5, airflow)[-1]
        began = time.time()
        airflow.fill(0, exports, None)
        wait_until(probe, lambda seen: seen[-1]["exports"] >= exports, airflow)
        started_after = time.time() - began
        time.sleep(20)  # the first looks, which come after 15 s
        since, since_requests = time.time(), len(asked)
        while time.time() < since + minutes * 60:
            time.sleep(5)
            airflow.must_live()
        samples = [sample for sample in read(probe) if sample["at"] >= since]
        return report(samples, before, exports, started_after, asked[since_requests:])


def report(
    samples: list[dict[str, object]],
    before: dict[str, object],
    exports: int,
    started_after: float,
    asked: list[tuple[float, str]],
) -> int:
    """Print the figures; return 0 when every bound holds."""
    lags = sorted(lag for sample in samples for lag in sample["lags_ms"])
    last = samples[-1]
    seconds = last["at"] - samples[0]["at"]

    def quantile(part: float) -> float:
        return lags[min(len(lags) - 1, int(part * len(lags)))]

    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(asked)]
    a_second = len(asked) / seconds
    cpu = (last["runner_cpu_s"] - samples[0]["runner_cpu_s"]) / seconds
    print(f"{exports} exports on one triggerer for {seconds / 60:.1f} min; {last['exports']} waited for at the end")
    print(f"all running {started_after:.0f} s after they were handed over")
    print(
        f"event-loop lag once started: p50 {quantile(0.5):.1f} ms, p99 {quantile(0.99):.1f} ms, max {lags[-1]:.0f} ms"
    )
    print(f"daemon requests: {len(asked)}, {a_second:.3f} a second, shortest gap {min(gaps, default=0):.2f} s")
    for who in ("runner", "supervisor"):
        more = (last[f"{who}_kb"] - before[f"{who}_kb"]) / exports
        print(f"{who} memory: {last[f'{who}_kb'] / 1024:.0f} MB, {more:.1f} kB a trigger")
    print(f"runner CPU: {cpu:.1%} of a core")
    good = last["exports"] == exports and quantile(0.99) <= MOST_LAG_MS and a_second <= MOST_REQUESTS_A_SECOND
    print("every bound holds" if good else "above a bound")
    return 0 if good else 1


def count_requests(daemon) -> list[tuple[float, str]]:
    """Note the moment and the path of each request from now on."""
    asked: list[tuple[float, str]] = []
    handler = daemon.server.RequestHandlerClass
    answer = handler._answer

    def counted(self) -> None:
        if self.path != "/jobs/submit":
            asked.append((time.monotonic(), self.path))
        answer(self)

    handler._answer = counted
    return asked


def submit(url: str, exports: int, out: Path) -> None:
    """Hand the exports to the daemon, a hundred at a time."""
    vcenter = {"server": "vc", "username": "u", "password": "p"}
    jobs = [
        {
            "id": f"job-{n}",
            "vm_path": "/DC0/vm/db",
            "output_dir": str(out / f"job-{n}"),
            "export_method": "ovftool",
            "vcenter": vcenter,
        }
        for n in range(exports)
    ]
    for first in range(0, exports, 100):
        answer = httpx.post(f"{url}/jobs/submit", json={"jobs": jobs[first : first + 100]}, timeout=60).json()
        assert answer["rejected"] == 0, answer


def read(probe: Path) -> list[dict[str, object]]:
    """Return what the probe has written so far."""
    if not probe.exists():
        return []
    return [json.loads(line) for line in probe.read_text().splitlines() if line.endswith("}")]


def wait_until(probe: Path, done, airflow: Airflow) -> list[dict[str, object]]:
    """Wait for the probe to have seen something."""
    end = time.monotonic() + START_SECONDS
    while not ((seen := read(probe)) and done(seen)):
        airflow.must_live()
        if time.monotonic() > end:
            airflow.tell_why()
            raise RuntimeError(
                f"the triggerer has come no further than {seen[-1]['exports'] if seen else 'its start'}"
            )
        time.sleep(1)
    return seen


class Airflow:
    """A triggerer and its database, without anything else."""

    def __init__(self, home: Path, daemon_url: str) -> None:
        self.home = home
        self._postgres = os.environ.get("HYPERCARBON_TEST_POSTGRES", "")
        database = f"sqlite:///{home / 'airflow.db'}"
        if self._postgres:
            database = f"postgresql+psycopg2://{urlsplit(self._postgres).netloc}/many_exports"
        (home / "dags").mkdir()
        (home / "dags" / "many_exports.py").write_text(DAG)
        self.environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__API_AUTH__JWT_SECRET": os.urandom(24).hex(),
            "AIRFLOW_CONN_HYPERSDK_DEFAULT": json.dumps({"conn_type": "hypersdk", "host": daemon_url}),
            "PYTHONPATH": str(HERE),
            "PYTHONWARNINGS": "ignore",
        }
        self._triggerer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Airflow:
        if self._postgres:
            self._admin("DROP DATABASE IF EXISTS many_exports WITH (FORCE)", "CREATE DATABASE many_exports")
        return self

    def __exit__(self, *_: object) -> None:
        if self._triggerer is not None:
            os.killpg(self._triggerer.pid, signal.SIGKILL)
            self._triggerer.wait()
        if self._postgres:
            self._admin("DROP DATABASE IF EXISTS many_exports WITH (FORCE)")

    def prepare(self) -> None:
        """Make the database, with one run of the DAG in it."""
        for words in (("db", "migrate"), ("dags", "reserialize"), ("dags", "trigger", "many_exports")):
            self._run("-m", "airflow", *words)

    def fill(self, first: int, count: int, probe: Path | None) -> None:
        """Write deferred tasks and their triggers."""
        self._run(__file__, "--fill", str(first), str(count), str(probe or ""))

    def start_triggerer(self) -> None:
        """Start the real thing."""
        with (self.home / "triggerer.log").open("wb") as log:
            self._triggerer = subprocess.Popen(
                [sys.executable, "-m", "airflow", "triggerer", "--capacity", "5000"],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def tell_why(self) -> None:
        """Print where its processes are, and the end of its log."""
        if self._triggerer is not None:
            os.killpg(self._triggerer.pid, signal.SIGUSR2)
            time.sleep(3)
        print((self.home / "triggerer.log").read_text()[-12000:])

    def must_live(self) -> None:
        """Fail when the triggerer has ended."""
        if self._triggerer is not None and self._triggerer.poll() is not None:
            raise RuntimeError((self.home / "triggerer.log").read_text()[-3000:])

    def _run(self, *words: str) -> None:
        done = subprocess.run([sys.executable, *words], env=self.environment, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.decode()[-3000:]}")

    def _admin(self, *statements: str) -> None:
        import sqlalchemy as sa

        engine = sa.create_engine(self._postgres, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))
        engine.dispose()


def fill_database(first: int, count: int, probe: str) -> None:
    """In a process that has Airflow's environment: copy the task instance, one for each trigger."""
    import sqlalchemy as sa
    from airflow.models.taskinstance import TaskInstance, uuid7
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session

    from airflow_provider_hypercarbon.triggers.vm_export import VMExportTrigger

    give_up_at = (datetime.now(UTC) + timedelta(hours=24)).isoformat()
    triggers = {
        n: VMExportTrigger(
            hypersdk_conn_id="hypersdk_default", job_id=f"job-{n}", poll_interval=30.0, give_up_at=give_up_at
        ).serialize()
        for n in range(first, first + count)
    }
    if probe:
        triggers[1_000_000] = ("lag_probe.LagProbe", {"path": probe})
    table = TaskInstance.__table__
    with create_session() as session:
        row = dict(session.execute(sa.select(table).limit(1)).mappings().one())
        for index, (path, arguments) in triggers.items():
            trigger = Trigger(classpath=path, kwargs=arguments)
            session.add(trigger)
            session.flush()
            new = {"id": uuid7(), "map_index": index, "state": "deferred", "trigger_id": trigger.id, "try_number": 1}
            new |= {"next_method": "execute_complete", "start_date": datetime.now(UTC)}
            session.execute(sa.insert(table).values(**(row | new)))


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
