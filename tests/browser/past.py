"""Thirty days of backups, decided and reported by the package's own code on the stand-in's grids."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.report_store import CarbonReportStore, DecisionLog, ResultsDatabase, RunContext
from airflow_provider_hypercarbon.sources.planning import plan_with_record
from tests.browser.grid import Grid

BERLIN = ZoneInfo("Europe/Berlin")


class Job(NamedTuple):
    """A DAG's nightly work.

    :param weekday: only on this day of the week.
    """

    dag_id: str
    zone: str
    vms: tuple[tuple[str, float], ...]
    hour: int
    policy: StartPolicy
    weekday: int | None = None


def _policy(delay: float, duration: float, **more: object) -> StartPolicy:
    return StartPolicy(max_delay=timedelta(hours=delay), duration=timedelta(hours=duration), **more)  # type: ignore[arg-type]


JOBS = (
    Job(
        "nightly_vm_export", "DE",
        (("erp-db-01", 820), ("erp-app-02", 410), ("mail-01", 380), ("bi-warehouse", 1450), ("pg-replica-2", 260)),
        20, _policy(9.5, 2),
    ),
    Job(
        "weekly_full_backup", "GB",
        (("web-01", 640), ("web-02", 610), ("ci-runner-7", 900), ("files-03", 1900), ("wiki", 120), ("git", 480)),
        20, _policy(11, 3.5), weekday=6,
    ),
    Job("db_dump_warsaw", "PL", (("web-04", 300),), 18, _policy(6, 1, strategy="threshold", max_intensity=600)),
    Job("branch_offices", "FR", (("hr-app-01", 240), ("files-04", 350)), 19, _policy(8, 1.5)),
)  # fmt: skip


def fill(database: ResultsDatabase, now: datetime, days: int = 30) -> int:
    """Write the past into the results database; return how many reports."""
    dice = random.Random(7)
    written = 0
    for back in range(days, 0, -1):
        day = (now.astimezone(BERLIN) - timedelta(days=back)).date()
        for job in JOBS:
            if job.weekday is None or job.weekday == day.weekday():
                at = datetime(day.year, day.month, day.day, job.hour, tzinfo=BERLIN).astimezone(UTC)
                if at + timedelta(hours=16) < now:
                    written += _run(job, at, now, database, dice)
    return written


def _run(job: Job, at: datetime, now: datetime, database: ResultsDatabase, dice: random.Random) -> int:
    clock = at
    grid = Grid(lambda: clock)
    grid.server.server_close()
    source = grid.source()
    window = StartWindow.opening(at, job.policy.max_delay)
    run_id = f"scheduled__{at:%Y-%m-%dT%H:%M:%S+00:00}"
    wait = RunContext(dag_id=job.dag_id, run_id=run_id, task_id="wait_for_clean_grid")
    last: StartDecision | None = None
    while last is None or not last.due:
        clock = at if last is None else last.check_again_at or last.start_at
        plan = plan_with_record(source, job.zone, job.policy, window, now=clock, last_plan=last)
        DecisionLog(database).save(plan.record, wait)
        last = plan.decision
    started = last.start_at
    # The source is asked when all of it has been measured.
    clock = end = max(started + job.policy.duration, at + job.policy.duration) + timedelta(hours=2)
    for index, (name, size) in enumerate(job.vms):
        data_gb = size * dice.uniform(0.93, 1.08)
        ended = started + job.policy.duration * dice.uniform(0.55, 1.0)
        report = make_report(
            operation_id=f"{job.dag_id}-{at:%Y%m%d}-{index}",
            zone=job.zone,
            started_at=started,
            ended_at=ended,
            series=source.history(job.zone, at, end, now=end),
            data_gb=data_gb,
            scheduled_at=at,
            start_reason=last.reason.value,
        )
        context = RunContext(
            dag_id=job.dag_id, run_id=run_id, task_id="report_footprint", map_index=index, vm_path=f"/DC0/vm/{name}"
        )
        CarbonReportStore(database).save(report, context, now=ended + timedelta(hours=14))
    return len(job.vms)
