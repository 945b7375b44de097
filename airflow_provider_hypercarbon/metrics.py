"""Counters through Airflow's own metrics: StatsD or OpenTelemetry, whatever the installation sends them to.

Below ``hypercarbon.``: ``waits``, ``starts`` (tags zone, reason), ``deadline_starts``, ``blind_starts``, ``requests``
(tag source), ``exports`` (tag outcome), ``reports``, and ``emitted_mg``: milligrams, since a counter counts whole
things.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.report import CarbonReport

log = logging.getLogger(__name__)
_MG_PER_KG = 1_000_000


def count(name: str, number: int = 1, **tags: str) -> None:
    """Add to the counter ``hypercarbon.<name>``; that this fails is nobody's business but the log's."""
    from airflow.sdk.observability.stats import Stats

    try:
        Stats.incr(f"hypercarbon.{name}", number, tags=tags)
    except Exception as error:  # noqa: BLE001 - a metric never costs a backup
        log.debug("No metric %s: %s", name, error)


def count_decision(decision: StartDecision, *, is_first: bool) -> None:
    """Count a wait that begins, or a start with its reason."""
    from airflow_provider_hypercarbon.carbon.decision import StartReason

    if not decision.due:
        if is_first:
            count("waits", zone=decision.zone)
        return
    count("starts", zone=decision.zone, reason=decision.reason.value)
    if decision.reason is StartReason.DEADLINE:
        count("deadline_starts", zone=decision.zone)
    elif decision.reason is StartReason.NO_DATA:
        count("blind_starts", zone=decision.zone)


def requests_of(source: object) -> dict[str, int]:
    """Return how many requests each source of a chain has sent; one whose answers are not shared does not know."""
    sent: Counter[str] = Counter()
    for member in getattr(source, "members", (source,)):
        sent[str(getattr(member, "name", "unknown"))] += getattr(member, "requests", 0)
    return dict(+sent)


def count_requests(sent: Mapping[str, int]) -> None:
    """Count requests by the name of their source."""
    for source, number in sent.items():
        count("requests", number, source=source)


def count_report(report: CarbonReport) -> None:
    """Count a report and what it emitted; made-up data are in no sum."""
    if report.synthetic:
        return
    count("reports", zone=report.zone)
    if report.emissions_kgco2eq is not None:
        count("emitted_mg", round(report.emissions_kgco2eq * _MG_PER_KG), zone=report.zone)
