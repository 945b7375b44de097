"""The ledger of reports: appended to, never changed, and chained so that a change shows.

Each revision's hash covers its document and the hash before it. Whoever changes, removes or reorders a revision has
to compute anew every hash after it, and then the last one differs from what task logs, XComs and auditors noted down.

There is one chain in a database, and its end is one row (``hypercarbon_ledger_head``). A writer locks that row,
appends, moves it and commits: one transaction, so a writer that is killed at any instant leaves all of its revision
or nothing, and the next one goes on from a whole chain. Writers queue for a few milliseconds each, and cannot
deadlock, because all take that lock before any other. The alternatives cost more than they bring: a chain for each
DAG or zone lets a whole chain vanish unseen unless the set of their ends is chained again; sealing in batches leaves
the newest rows, the ones somebody would want to change, unprotected until the next seal; taking the next position
without a lock makes sixteen writers collide on nearly every row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.group_sums import writes_of_sums
from airflow_provider_hypercarbon.report_store.table import CHAIN, ledger, ledger_head, reports
from airflow_provider_hypercarbon.report_store.together import Write, write_together

#: A writer that stops in the middle, its machine gone, must not hold up the others for hours.
_IDLE_SECONDS = 30
_LOCK_SECONDS = 60


class Why(StrEnum):
    """Why a revision was made."""

    FIRST_REPORT = "first_report"
    RETRY = "retry"
    RE_REPORT = "re_report"
    RECONCILIATION = "reconciliation"
    IMPORTED = "imported"


class Head(NamedTuple):
    """The end of the chain: the last position and its hash. Noted down elsewhere, it proves what came before."""

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"


class Draft(NamedTuple):
    """A revision that is not yet in the chain.

    :param columns: the columns of ``hypercarbon_reports`` except those about the ledger.
    :param content: ``context`` and ``report`` of the document.
    :param replaced: the row of ``hypercarbon_reports`` that it takes the place of; None when there is none.
    """

    why: Why
    columns: Mapping[str, Any]
    content: Mapping[str, Any]
    replaced: Mapping[str, Any] | None = None


def lock_head(connection: sa.Connection) -> Head:
    """Wait for the other writers, and return the end of the chain; it stays ours until the transaction ends.

    Call it first in a transaction: what is read afterwards is what the writer before left.
    """
    dialect = connection.dialect
    if dialect.name == "sqlite":
        # It locks the whole file, and not before the first change unless told so.
        if not getattr(connection.connection.driver_connection, "in_transaction", False):
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOCK_SECONDS * 1000}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif getattr(dialect, "is_mariadb", False):
        connection.execute(_MARIADB_LIMITS)
    found = connection.execute(_POSTGRES_HEAD if dialect.name == "postgresql" else _HEAD).one_or_none()
    if found is None:
        raise ReportStoreError(
            f"{ledger_head.name} has lost its row, so the ledger cannot go on. Restore the results tables from a "
            "backup of the database."
        )
    return Head(found.position, found.hash)


def append(connection: sa.Connection, head: Head, drafts: Iterable[Draft]) -> Head:
    """Append revisions of different operations, make each the current one, and return the new end of the chain."""
    entries: list[Write] = []
    current: list[Write] = []
    changes: list[tuple[Mapping[str, Any], int]] = []
    for why, columns, content, replaced in drafts:
        revision = replaced["revision"] + 1 if replaced else 1
        entry = {
            "operation_id": columns["operation_id"],
            "revision": revision,
            "why": why.value,
            "saved_at": columns["saved_at"],
        }
        document = canonical({**entry, **content})
        prev_hash, head = head.hash, Head(head.position + 1, chained(head.hash, document))
        chain = {"position": head.position, "document": document, "prev_hash": prev_hash, "hash": head.hash}
        entries.append(Write("insert", ledger, {**entry, **chain}))
        row = {**columns, "ledger_position": head.position, "revision": revision}
        if replaced:
            current.append(Write("update", reports, row))
            changes.append((replaced, -1))
        else:
            known = {name: value for name, value in row.items() if value is not None}
            current.append(Write("insert", reports, known))
        changes.append((columns, 1))
    if entries:
        end = Write("update", ledger_head, {"chain": CHAIN, "position": head.position, "hash": head.hash})
        write_together(connection, [*entries, *current, *writes_of_sums(changes), end])
    return head


def canonical(document: Mapping[str, Any]) -> str:
    """Write JSON in the one way that is hashed: keys sorted, no spaces, no escapes that are not needed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def chained(prev_hash: str, document: str) -> str:
    """Return the hash of a revision."""
    return hashlib.sha256(f"{prev_hash}\n{document}".encode()).hexdigest()


_HEAD = sa.select(ledger_head.c.position, ledger_head.c.hash).where(ledger_head.c.chain == CHAIN).with_for_update()
# A subquery with side effects is done before the row is locked, so that the wait for the row is bounded already.
_POSTGRES_LIMITS = sa.select(
    sa.func.set_config("idle_in_transaction_session_timeout", f"{_IDLE_SECONDS}s", sa.true()).label("idle"),
    sa.func.set_config("lock_timeout", f"{_LOCK_SECONDS}s", sa.true()).label("waiting"),
).subquery("limits")
_POSTGRES_HEAD = (
    sa.select(ledger_head.c.position, ledger_head.c.hash, *_POSTGRES_LIMITS.c)
    .select_from(ledger_head.join(_POSTGRES_LIMITS, sa.true()))
    .where(ledger_head.c.chain == CHAIN)
    .with_for_update(of=ledger_head)
)
_MARIADB_LIMITS = sa.text(f"SET SESSION idle_transaction_timeout = {_IDLE_SECONDS}")
