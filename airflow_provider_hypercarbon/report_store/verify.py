"""Whether the ledger is whole, and the current reports and the sums are what it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.group_sums import MOST
from airflow_provider_hypercarbon.report_store.ledger import Head, chained
from airflow_provider_hypercarbon.report_store.recount import counted_anew, month_after
from airflow_provider_hypercarbon.report_store.row import columns_of
from airflow_provider_hypercarbon.report_store.sum_tables import KEPT, SUMMED, Kept
from airflow_provider_hypercarbon.report_store.table import NO_HASH, ledger, ledger_head, reports

_BATCH = 2000
_START = Head(0, NO_HASH)


class Verdict(Frozen):
    """What was found.

    :param head: the end of the chain as far as it is whole: note it down, and expect it the next time.
    :param revisions: how many revisions were read and found whole.
    :param operations: how many operations they are about.
    :param broken: what is wrong first, with its place; None when everything is whole.
    """

    head: Head
    revisions: int
    operations: int
    broken: str | None = None


class _BrokenError(Exception):
    """Something is not as it was written; the message says what and where."""


def verify(
    database: ResultsDatabase, *, expected: Head | None = None, progress: Callable[[int], None] = lambda _: None
) -> Verdict:
    """Read the whole ledger in its order, however long, and stop at the first thing that is wrong.

    Others may go on writing.

    :param expected: an end of the chain that was noted down before; without it, nobody can tell that the newest
        revisions were cut off and the head set back, or that the whole was written anew.
    :param progress: called with the number of revisions read so far.
    """
    at, operations = _START, 0
    try:
        # Read first: what is appended from now on may be seen or not.
        noted = [head for head in (expected, _head(database)) if head is not None and head.position]
        for row in _entries(database):
            at = _checked(row, at)
            operations += row["next_position"] is None
            for head in noted:
                if head.position == at.position and head.hash != at.hash:
                    raise _BrokenError(f"Position {at.position} has the hash {at.hash}; {head.hash} was noted down.")
            if at.position % _BATCH == 0:
                progress(at.position)
        for head in noted:
            if head.position > at.position:
                raise _BrokenError(
                    f"The ledger ends at position {at.position}; it once reached {head.position}. What came after "
                    "was removed."
                )
        _check_nothing_else(database, at)
        _check_sums(database)
    except _BrokenError as error:
        return Verdict(head=at, revisions=at.position, operations=operations, broken=str(error))
    return Verdict(head=at, revisions=at.position, operations=operations)


def _head(database: ResultsDatabase) -> Head | None:
    rows = database.read(sa.select(ledger_head.c.position, ledger_head.c.hash))
    return Head(rows[0]["position"], rows[0]["hash"]) if rows else None


def _entries(database: ResultsDatabase) -> Iterator[sa.RowMapping]:
    """Yield each revision with the current row of its operation and the place of the next revision."""
    following = ledger.alias("following")
    current = [column.label(f"current_{column.name}") for column in reports.c]
    joined = ledger.outerjoin(
        following,
        (following.c.operation_id == ledger.c.operation_id) & (following.c.revision == ledger.c.revision + 1),
    ).outerjoin(reports, reports.c.operation_id == ledger.c.operation_id)
    query = sa.select(*ledger.c, following.c.position.label("next_position"), *current).select_from(joined)
    query = query.order_by(ledger.c.position).limit(_BATCH)

    def after(position: int) -> Sequence[sa.RowMapping]:
        return database.read(query.where(ledger.c.position > position))

    rows = after(0)
    with ThreadPoolExecutor(1) as reading:  # while the rows before are checked
        while rows:
            ahead = reading.submit(after, rows[-1]["position"])
            yield from rows
            rows = ahead.result()


def _checked(row: sa.RowMapping, before: Head) -> Head:
    """Return the end of the chain behind a revision."""
    position = row["position"]
    if position != before.position + 1:
        raise _BrokenError(f"Position {before.position + 1} is missing; {position} comes next.")
    if row["prev_hash"] != before.hash:
        raise _BrokenError(f"Position {position} does not follow the one before: prev_hash is {row['prev_hash']}.")
    where = f"Position {position} (operation {row['operation_id']!r}, revision {row['revision']})"
    if chained(row["prev_hash"], row["document"]) != row["hash"]:
        raise _BrokenError(f"{where} was changed: its hash is not that of its document.")
    try:
        document = json.loads(row["document"])
        said = {name: document[name] for name in ("operation_id", "revision", "why", "saved_at")}
    except (ValueError, KeyError, TypeError):
        raise _BrokenError(f"{where} holds no document of a report.") from None
    for name, value in said.items():
        if row[name] != value:
            raise _BrokenError(f"{where} was changed: {name} is {row[name]!r}, its document says {value!r}.")
    if row["next_position"] is None:
        _check_current(row, document, where)
    elif row["next_position"] <= position:
        raise _BrokenError(f"{where} comes after its next revision, at position {row['next_position']}.")
    return Head(position, row["hash"])


def _check_current(row: sa.RowMapping, document: dict[str, Any], where: str) -> None:
    """Check the row of ``hypercarbon_reports`` against the last revision of its operation."""
    if row["current_ledger_position"] != row["position"]:
        raise _BrokenError(f"{where} is the last of its operation, but not the current report in {reports.name}.")
    try:
        columns = columns_of(document["report"], document["context"], document["saved_at"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return  # damaged before there was a ledger: it says nothing to compare with
    for name, value in {**columns, **{name: row[name] for name in ("operation_id", "revision")}}.items():
        found = row[f"current_{name}"]
        if found != value and not (name in SUMMED and found is None and abs(value) > MOST):
            raise _BrokenError(
                f"The current report of operation {row['operation_id']!r} in {reports.name} was changed: {name} is "
                f"{found!r}, the ledger says {value!r}."
            )


def _check_nothing_else(database: ResultsDatabase, at: Head) -> None:
    """Check that every current report has its revision."""
    joined = reports.outerjoin(ledger, ledger.c.position == reports.c.ledger_position)
    query = sa.select(reports.c.operation_id).select_from(joined).limit(1)
    stray = ledger.c.operation_id.is_(None) | (ledger.c.operation_id != reports.c.operation_id)
    for row in database.read(query.where(stray)):
        raise _BrokenError(
            f"Operation {row['operation_id']!r} in {reports.name} is not in the ledger: somebody wrote it past it."
        )


def _check_sums(database: ResultsDatabase) -> None:
    """Check the sums that are kept against the reports, a month at a time, each in one view of the database."""
    periods = [kept.table.c[kept.period] for kept in KEPT] + [reports.c.started_at]
    months = sa.union(*(sa.select(sa.func.substr(text, 1, 7).label("month")) for text in periods)).subquery()
    for row in database.read(sa.select(months.c.month).order_by(months.c.month)):
        for kept in KEPT:
            stand, counted = _sums_of(database, kept, row["month"])
            for key in sorted(stand.keys() | counted.keys(), key=repr):
                if stand.get(key) != counted.get(key):
                    where = ", ".join(
                        f"{name} {value!r}" for name, value in zip(kept.keys, key, strict=True) if value is not None
                    )
                    raise _BrokenError(f"{kept.table.name} disagrees with the reports for {where}.")


_Sums = dict[tuple[Any, ...], tuple[int, ...]]


def _sums_of(database: ResultsDatabase, kept: Kept, month: str) -> tuple[_Sums, _Sums]:
    """Return a month's sums as they stand in a table, and as they are."""
    period = kept.table.c[kept.period]
    stand = sa.select(kept.table).where(period >= month, period < month_after(month))
    counted = counted_anew(database.engine.dialect.name, kept, month)
    first, second = database.read_together([stand, counted])
    return _by_group(kept, first), _by_group(kept, second)


def _by_group(kept: Kept, rows: Sequence[sa.Row[Any]]) -> _Sums:
    named = (row._mapping for row in rows)
    found = (
        (tuple(row[name] for name in kept.keys), tuple(int(row[name] or 0) for name in kept.counted)) for row in named
    )
    return {key: counts for key, counts in found if any(counts)}  # a group that all reports left stays, as zeros
