"""Whatever happens in whatever order: one current row an operation, a full trail, exact sums, a whole chain."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport, make_report
from airflow_provider_hypercarbon.carbon.reconcile import reconciled
from airflow_provider_hypercarbon.report_store import (
    SUMMED,
    CarbonReportStore,
    ReportFilters,
    RunContext,
    StoredReport,
    verify,
)
from airflow_provider_hypercarbon.report_store.group_sums import billionths
from airflow_provider_hypercarbon.report_store.ledger import canonical
from airflow_provider_hypercarbon.report_store.row import says_the_same, to_content
from tests.carbon.grid import HOUR, NOW, series
from tests.carbon.test_reconcile import estimated

#: A few in the quick run.
EXAMPLES = int(os.environ.get("HYPERCARBON_LEDGER_EXAMPLES", "8"))
operations = st.sampled_from(["backup-a", "backup-b", "backup-c"])
sizes = st.sampled_from([None, 1.0, 250.0, 500.1])
#: Also over the edges of months.
starts = st.sampled_from([NOW, NOW + timedelta(days=29, hours=5, minutes=30), NOW + timedelta(days=40)])
grids = st.lists(st.sampled_from([50.0, 99.9, 400.0]), min_size=4, max_size=4)


class Ledger(RuleBasedStateMachine):
    """Tasks that retry, are cleared, report anew, and a daily reconciliation, beside a model in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = CarbonReportStore(sa.create_engine(f"sqlite:///{Path(self.folder.name) / 'results.db'}"))
        self.trails: dict[str, list[tuple[CarbonReport, RunContext]]] = {}
        self.tries: dict[str, int] = {}
        self.read: dict[str, StoredReport] = {}
        self.now = NOW

    def teardown(self) -> None:
        self.store.database.engine.dispose()
        self.folder.cleanup()

    @rule(name=operations, size=sizes, start=starts, grid=grids, zone=st.sampled_from(["DE", "GB"]))
    def report(self, name: str, size: float | None, start: datetime, grid: list[float], zone: str) -> None:
        """A first report, a retry, or the task after somebody cleared it."""
        self.tries[name] = self.tries.get(name, 0) + 1
        context = RunContext(dag_id="backup", run_id="r", task_id="report", try_number=self.tries[name])
        self._save(name, self._made(name, size, start, grid, zone), context)

    @rule(name=operations, size=sizes, start=starts, grid=grids, zone=st.sampled_from(["DE", "GB"]))
    def report_from_elsewhere(
        self, name: str, size: float | None, start: datetime, grid: list[float], zone: str
    ) -> None:
        """Another task reports the same operation."""
        self._save(
            name, self._made(name, size, start, grid, zone), RunContext(dag_id="other", run_id="x", task_id="report")
        )

    @precondition(lambda self: self.trails)
    @rule(name=operations)
    def report_again(self, name: str) -> None:
        """The same report once more: the worker died after saving."""
        if name in self.trails:
            report, context = self.trails[name][-1]
            self._save(name, report, context)

    @rule(name=operations)
    def begin_to_reconcile(self, name: str) -> None:
        """Read a report; whatever happens before its revision is written."""
        if (stored := self.store.get(name)) is not None:
            self.read[name] = stored

    @precondition(lambda self: self.read)
    @rule(name=operations, grid=grids, final=st.booleans())
    def reconcile(self, name: str, grid: list[float], final: bool) -> None:
        """The provider's values arrive for what was read."""
        if name not in self.read:
            return
        stored = self.read.pop(name)
        old = stored.report
        values = (series if final else estimated)(grid, old.started_at, zone=old.zone)
        revised = reconciled(old, lambda _: values)
        if revised is None:
            return
        self.now += HOUR
        saved = self.store.reconcile(stored, revised, now=self.now)
        # Only what was read last may be revised.
        assert (saved is not None) == (stored.revision == len(self.trails[name]))
        if saved is not None:
            self.trails[name].append((revised, stored.context))

    def _made(self, name: str, size: float | None, start: datetime, grid: list[float], zone: str) -> CarbonReport:
        return make_report(
            operation_id=name,
            zone=zone,
            started_at=start,
            ended_at=start + 2 * HOUR,
            scheduled_at=start,
            series=estimated(grid, start, zone=zone),
            data_gb=size,
        )

    def _save(self, name: str, report: CarbonReport, context: RunContext) -> None:
        self.now += HOUR
        saved = self.store.save(report, context, now=self.now)
        trail = self.trails.setdefault(name, [])
        same = bool(trail) and says_the_same(canonical(to_content(*trail[-1])), to_content(report, context))
        assert saved.is_new == (not same)
        if saved.is_new:
            trail.append((report, context))
        assert saved.revision == len(trail)

    @invariant()
    def one_current_row_and_a_full_trail(self) -> None:
        page = self.store.page()
        assert {s.report.operation_id: s.report for s in page.reports} == {
            n: t[-1][0] for n, t in self.trails.items()
        }
        for name, trail in self.trails.items():
            kept = self.store.trail(name)
            assert [(stored.report, stored.context) for stored in kept] == trail
            assert [stored.revision for stored in kept] == list(range(1, len(trail) + 1))

    @invariant()
    def sums_are_those_of_the_current_reports(self) -> None:
        current = [trail[-1][0] for trail in self.trails.values()]
        kept, counted = self.store.sums(("month", "zone")), self.store.sums((), ReportFilters(since=NOW - HOUR))
        for name in SUMMED:
            wanted = sum(billionths(v) for report in current if (v := getattr(report, name)) is not None)
            assert sum(part.totals[name].billionths for part in kept) == wanted
            assert sum(part.totals[name].billionths for part in counted) == wanted

    @invariant()
    def the_chain_is_whole(self) -> None:
        verdict = verify(self.store.database)
        assert verdict.broken is None
        assert verdict.revisions == sum(len(trail) for trail in self.trails.values())
        assert verdict.operations == len(self.trails)


TestLedgerStates = Ledger.TestCase
TestLedgerStates.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
