from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.operators.export_retention import ExportRetentionOperator
from airflow_provider_hypercarbon.report_store import CarbonReportStore
from airflow_provider_hypercarbon.report_store.row import RunContext
from tests.hypersdk.fake_daemon import UNSEEN_DIR
from tests.hypersdk.test_retention import VM, put_export
from tests.report_store.databases import KINDS, airflow_uri, fresh_database
from tests.task_context import task_context

OTHER = "/DC0/vm/web-frontend"


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """Two VMs with five exports each."""
    for days in range(1, 6):
        put_export(tmp_path, f"db-{days}", days=days)
        put_export(tmp_path, f"web-{days}", days=days, vm_path=OTHER)
    return tmp_path


def run(**arguments) -> dict:
    done = ExportRetentionOperator(task_id="keep", **arguments).execute(task_context())
    assert json.loads(json.dumps(done, allow_nan=False)) == done
    return done


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_each_vm_keeps_its_last(exports: Path):
    """Two of each stay; the XCom tells what went, why, and how much room that made."""
    done = run(output_dir=str(exports), keep_last=2)
    assert left_in(exports) == {"db-1", "db-2", "web-1", "web-2"}
    assert done["bytes_removed"] == 30
    gone = done["removed"][0]
    assert (gone["vm_path"], gone["bytes"], gone["why"]) == (VM, 5, "1 beyond the last 2")


def test_a_second_run_finds_nothing_to_do(exports: Path):
    """A retry is safe."""
    run(output_dir=str(exports), keep_last=2)
    assert run(output_dir=str(exports), keep_last=2)["removed"] == []


def test_one_vm_alone(exports: Path):
    """The other VM's exports are not looked after."""
    run(output_dir=str(exports), keep_last=1, vm_path=OTHER)
    assert left_in(exports) == {f"db-{days}" for days in range(1, 6)} | {"web-1"}


def test_two_vcenters_with_a_vm_of_one_name(exports: Path):
    """They are two VMs."""
    put_export(exports, "elsewhere", days=30, vcenter="other")
    run(output_dir=str(exports), keep_last=1, vm_path=VM)
    assert {"db-1", "elsewhere"} <= left_in(exports)


def test_only_telling(exports: Path):
    """What would go is told, and nothing goes."""
    done = run(output_dir=str(exports), keep_last=2, only_tell=True)
    assert (len(done["removed"]), done["bytes_removed"], len(left_in(exports))) == (6, 0, 10)


def test_the_last_good_one_outlives_damaged_ones(exports: Path):
    """The two youngest are cut off: they stay for a person, and the next one is the last good one."""
    for days in (1, 2):
        (exports / f"db-{days}" / "db-prod/disk-0.vmdk").write_bytes(b"")
    run(output_dir=str(exports), keep_last=1, vm_path=VM)
    assert {name for name in left_in(exports) if name.startswith("db")} == {"db-1", "db-2", "db-3"}


def test_an_age_may_keep_more(exports: Path):
    """Rendered text does as well as a timedelta."""
    run(output_dir=str(exports), keep_last="1", keep_for=timedelta(days=3000), vm_path=VM)
    assert len(left_in(exports)) == 10
    with pytest.raises(AirflowFailException, match="keep_for: 'soon' is not a span"):
        run(output_dir=str(exports), keep_last=1, keep_for="soon")


@pytest.mark.parametrize("kind", KINDS)
def test_no_export_goes_before_its_report(
    exports: Path, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
):
    """With a results database an old export stays until its footprint is on record there."""
    now = datetime(2026, 3, 10, tzinfo=UTC)
    for url in fresh_database(kind, tmp_path_factory.mktemp("results")):
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", airflow_uri(url))
        with open_results("results") as database:
            report = make_report(
                operation_id="db-4",
                zone="DE",
                started_at=now - timedelta(days=4),
                ended_at=now,
                series=None,
                data_gb=1,
            )
            run_context = RunContext(dag_id="d", run_id="r", task_id="t", vm_path=VM)
            CarbonReportStore(database).save(report, run_context, now=now)
        done = run(output_dir=str(exports), keep_last=2, vm_path=VM, results_conn_id="results")
        assert [Path(each["folder"]).name for each in done["removed"]] == ["db-4"]
        assert {each["why"] for each in done["kept"]} >= {"its footprint is not on record yet"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"keep_last": 0}, "Keep 1 at least"),
        ({"keep_last": "some"}, "not a whole number such as 7"),
        ({"keep_last": 1, "output_dir": UNSEEN_DIR}, "worker that mounts"),
    ],
)
def test_what_cannot_be_right_is_refused(exports: Path, arguments: dict, words: str):
    """At once, without a retry, and nothing is deleted."""
    with pytest.raises(AirflowFailException, match=words):
        run(**{"output_dir": str(exports), **arguments})
    assert len(left_in(exports)) == 10


def test_a_folder_that_cannot_be_deleted(exports: Path, monkeypatch: pytest.MonkeyPatch):
    """Said with its name; a retry may succeed."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(AirflowException, match="cannot be deleted: Permission denied") as caught:
        run(output_dir=str(exports), keep_last=2)
    assert not isinstance(caught.value, AirflowFailException)
