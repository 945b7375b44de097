from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
from airflow_provider_hypercarbon.exceptions import HyperCarbonError, NoDataError, RateLimitedError
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.operators.carbon_reconcile import CarbonReconcileOperator
from airflow_provider_hypercarbon.report_store import CarbonReportStore, StoredReport, verify
from tests.carbon.grid import HOUR, NOW, series
from tests.carbon.test_reconcile import estimated, provisional
from tests.report_store.databases import KINDS, airflow_uri, fresh_database
from tests.report_store.test_store import CONTEXT

FINAL = series([400, 310, 190, 100])
LATER = NOW + timedelta(days=2)


class FakeSource:
    def __init__(self, answer: IntensitySeries | HyperCarbonError | None = FINAL) -> None:
        self.answer = answer
        self.asked: list[tuple[str, datetime, datetime]] = []

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries | None:
        self.asked.append((zone, start, end))
        if isinstance(self.answer, HyperCarbonError):
            raise self.answer
        return self.answer


def run(source: FakeSource, *, at: datetime = LATER, **arguments: object) -> dict[str, int]:
    """Run the operator with a source of the test's."""

    class Operator(CarbonReconcileOperator):
        @property
        def hook(self):
            return SimpleNamespace(get_conn=lambda: source, counterpart=None)

    operator = Operator(task_id="reconcile", results_conn_id="results", **arguments)  # type: ignore[arg-type]
    with time_machine.travel(at, tick=False):
        return operator.execute({})  # type: ignore[arg-type]


def trail(name: str = "job") -> list[StoredReport]:
    with open_results("results") as database:
        assert verify(database).broken is None
        return CarbonReportStore(database).trail(name)


def save(*names: str, **more: object) -> None:
    with open_results("results") as database:
        for name in names:
            CarbonReportStore(database).save(provisional(operation_id=name, **more), CONTEXT, now=NOW)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", f"sqlite://{tmp_path / 'results.db'}")


@pytest.mark.parametrize("kind", KINDS)
def test_final_values_arrive(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The row becomes final, the first revision stays; another run of the task finds nothing to do."""
    for url in fresh_database(kind, tmp_path):
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", airflow_uri(url))
        save("job")
        assert run(FakeSource())["final"] == 1
        assert sum(run(FakeSource()).values()) == 0
        first, second = trail()
        assert (first.why, first.report.provisional) == ("first_report", True)
        assert (second.why, second.report.provisional) == ("reconciliation", False)
        assert second.report == provisional(series=FINAL)
        assert second.context == CONTEXT


@pytest.mark.usefixtures("results")
class TestReconcile:
    def test_it_is_asked_by_whole_days_and_once(self):
        """A hundred backups of a night cost one request."""
        save(*(f"job-{n}" for n in range(20)))
        source = FakeSource()
        assert run(source)["final"] == 20
        assert len(source.asked) == 1

    def test_values_that_have_not_settled(self):
        """Runs of the last day wait; those of last month are given up."""
        save("job")
        assert sum(run(FakeSource(), at=NOW + 20 * HOUR).values()) == 0
        assert sum(run(FakeSource(), at=NOW + timedelta(days=40)).values()) == 0
        assert run(FakeSource(), at=NOW + timedelta(days=40), give_up_after="60d")["final"] == 1

    def test_still_estimates(self):
        """A better estimate is kept as a revision; the same one is none."""
        save("job")
        source = FakeSource(estimated([400, 310, 190, 100]))
        assert run(source)["revised"] == 1
        assert run(source)["unchanged"] == 1
        assert len(trail()) == 2

    def test_a_source_without_data(self):
        """One zone without data does not hold the others up."""
        save("job")
        assert run(FakeSource(NoDataError("Nothing there."))) == {
            "final": 0,
            "revised": 0,
            "unchanged": 0,
            "no_data": 1,
            "other_source": 0,
        }
        assert len(trail()) == 1

    def test_another_source(self):
        """The connection was changed: the report stays as it was made."""
        save("job")
        assert run(FakeSource(FINAL.model_copy(update={"source": "another"})))["other_source"] == 1
        assert len(trail()) == 1

    def test_what_may_pass_is_left_to_a_retry(self):
        """What was revised before stays revised."""
        save("job")
        with pytest.raises(AirflowException) as raised:
            run(FakeSource(RateLimitedError("Too many.")))
        assert not isinstance(raised.value, AirflowFailException)

    def test_filters(self):
        """By zone and DAG; what templates render to nothing filters nothing."""
        save("job")
        assert sum(run(FakeSource(), zone="GB").values()) == 0
        assert sum(run(FakeSource(), only_dag_id="other").values()) == 0
        assert run(FakeSource(), zone="", only_dag_id="backup")["final"] == 1

    def test_a_span_that_is_none(self):
        """Wrong use fails at once."""
        with pytest.raises(AirflowFailException, match="settled_after: 'soon' is not a span"):
            run(FakeSource(), settled_after="soon")

    def test_somebody_else_was_quicker(self):
        """A cleared report task wrote another revision while the source was asked: its report stands."""
        save("job")

        class Slow(FakeSource):
            def history(self, *args: object, **more: object) -> IntensitySeries:
                save("job", data_gb=9.0)
                return FINAL

        assert run(Slow())["unchanged"] == 1
        assert [stored.why for stored in trail()] == ["first_report", "re_report"]
