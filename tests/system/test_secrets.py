"""What a real Airflow leaves behind after exports that ended in every way holds no credential."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.demo.show import DevelopmentDaemon
from tests.system.conftest import TOKEN_CANARY, VCENTER_CANARY
from tests.system.exports import begun, control, give_up, job_of, slow, until


@pytest.mark.parametrize("dag_id", ["exported_on_a_worker", "exported_deferred"])
class TestAUsersKill:
    def test_ends_the_export(self, airflow: LocalAirflow, daemon: DevelopmentDaemon, home: Path, dag_id: str):
        """Marked as failed while it runs: the daemon's job is cancelled, its files are in quarantine."""
        out = home / "killed" / dag_id
        out.mkdir(parents=True)
        state = "running" if dag_id == "exported_on_a_worker" else "deferred"
        with slow(daemon):
            run_id = begun(airflow, dag_id, state, str(out))
            job = until(lambda: job_of(daemon, run_id), "no job")
            if state == "deferred":
                time.sleep(20)  # the triggerer has to have it
            give_up(airflow, dag_id, run_id)
            until(lambda: job_of(daemon, run_id)["status"] != "running", "not cancelled")
            assert job_of(daemon, run_id)["status"] == "cancelled"
            quarantine = out / ".quarantine" / job["definition"]["id"]
            until(quarantine.is_dir, "not in quarantine", 20)


def test_no_credential_is_left_anywhere(
    airflow: LocalAirflow, daemon: DevelopmentDaemon, home: Path, metadata: sa.Engine, results: sa.Engine
):
    """Not in logs, XCom, rendered fields, triggers, notes, reports, manifests or anything else in files and tables.

    The runs before left their traces too. The daemon itself must know the vCenter's password: it keeps it in memory
    and repeats it to whoever may ask it for a job.
    """
    runs = {}
    for dag_id in ("exported_on_a_worker", "exported_deferred"):
        conf = {"output_dir": str(home / "good")}
        runs[dag_id] = airflow.trigger(dag_id, conf)
        assert airflow.wait_for_run(dag_id, runs[dag_id], 300) == "success"
        words = f"login svc:{VCENTER_CANARY}@vc refused (vi://svc:{quote(VCENTER_CANARY, safe='')}@vc.example.com)"
        control(daemon, "fail-next", error=words)
        failed = airflow.trigger(dag_id, conf)
        assert airflow.wait_for_run(dag_id, failed, 300) == "failed"
        log = "\n".join(airflow.log_lines(dag_id, failed, "export", 1))
        assert "refused" in log
        assert "***" in log
    daemon_knows = httpx.get(f"{daemon.url}/jobs/query", timeout=10).text
    assert VCENTER_CANARY in json.loads(json.dumps(daemon_knows)), "the canary never flew"

    places = dict(texts_of(home)) | dict(rows_of(metadata)) | dict(rows_of(results))
    assert len(places) > 100  # as the whole of tests/system leaves them
    found = [f"{form!r} in {place}" for place, text in places.items() for form in forms() if form in text]
    print(f"{len(places)} files and tables, {sum(map(len, places.values())) / 1e6:.1f} MB, looked through")
    assert found == []


def forms() -> list[str]:
    """How a credential may be written."""
    written = []
    for secret in (VCENTER_CANARY, TOKEN_CANARY):
        written += [secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]]
        written += [json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]]
    return sorted({*written, "c4n@ry", "c4n4ry"})


def texts_of(home: Path):
    """Every file below the home, disks excepted."""
    for path in home.rglob("*"):
        if path.is_file() and path.suffix not in (".vmdk", ".img"):
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def rows_of(engine: sa.Engine):
    """Every row of every table, as PostgreSQL writes it."""
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f'SELECT CAST(t AS text) FROM "{table}" t')).scalars().all()
            yield f"{engine.url.database}.{table}", "\n".join(rows)
