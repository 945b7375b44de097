"""From the results table to a summary: what is asked for, in the words of people."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from airflow_provider_hypercarbon.carbon.summary import QUALITY, Summary, summarise
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.report_store import CarbonReportStore, ReportFilters, ResultsDatabase
from airflow_provider_hypercarbon.report_store.sums import Dimension

#: What a summary can be told apart by.
Grouping = Literal["month", "vm", "dag", "zone"]
_DIMENSIONS: dict[str, Dimension] = {"month": "month", "vm": "vm_path", "dag": "dag_id", "zone": "zone"}


def gather(
    database: ResultsDatabase,
    by: Collection[str] = ("month",),
    filters: ReportFilters | None = None,
    *,
    now: datetime,
) -> Summary:
    """Sum the reports of a filter up, by the database.

    :param by: one or more of ``month`` (of the start, in UTC), ``vm``, ``dag``, ``zone``.
    :raises ConfigurationError: reports cannot be told apart by that.
    """
    if unknown := [name for name in by if name not in _DIMENSIONS]:
        words = ", ".join(get_args(Grouping))
        raise ConfigurationError(f"A summary cannot be made by {unknown[0]!r}. Choose among {words}.")
    store, asked = CarbonReportStore(database), filters or ReportFilters()
    dimensions = [_DIMENSIONS[name] for name in dict.fromkeys(by)]
    parts = store.sums([*dimensions, *QUALITY], asked.model_copy(update={"synthetic": False}))
    made_up = store.sums((), asked.model_copy(update={"synthetic": True}))
    left_out = sum(part.operations for part in made_up)
    return summarise(parts, by=dimensions, now=now, since=asked.since, until=asked.until, left_out=left_out)


def month_span(text: str, *, now: datetime) -> tuple[datetime, datetime]:
    """Return begin and end of a month such as ``2026-10``, or of ``last``, the one before the present, in UTC.

    :raises ConfigurationError: no such month.
    """
    if text == "last":
        before = now.astimezone(UTC).replace(day=1) - timedelta(days=1)
        text = before.strftime("%Y-%m")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) or text < "1970":
        raise ConfigurationError(f'{text!r} is no month. Write one such as 2026-10, or "last".')
    begin = datetime.fromisoformat(f"{text}-01T00:00:00+00:00")
    return begin, (begin + timedelta(days=31)).replace(day=1)
