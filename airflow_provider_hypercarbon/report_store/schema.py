"""All tables together, the version they have, and the SQL that makes them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_hypercarbon.report_store import sum_tables, wait_tables
from airflow_provider_hypercarbon.report_store.columns import EXACT, metadata
from airflow_provider_hypercarbon.report_store.table import CHAIN, NO_HASH, ledger_head

__all__ = ["create_statements_of", "first_rows", "metadata", "schema", "sum_tables", "wait_tables"]

#: One row: the version of all tables.
schema = sa.Table(
    "hypercarbon_schema",
    metadata,
    sa.Column("component", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    **EXACT,
)


def first_rows(version: int) -> list[tuple[sa.Table, dict[str, Any]]]:
    """Return the rows that the tables begin with."""
    return [
        (ledger_head, {"chain": CHAIN, "position": 0, "hash": NO_HASH}),
        (schema, {"component": CHAIN, "version": version}),
    ]


def create_statements_of(dialect: sa.Dialect, version: int) -> str:
    """Return the SQL that makes the tables, for an administrator who runs it by hand."""
    parts = [str(CreateTable(table).compile(dialect=dialect)).strip() for table in metadata.sorted_tables]
    indexes = sorted((i for table in metadata.tables.values() for i in table.indexes), key=lambda i: str(i.name))
    parts += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    for table, row in first_rows(version):
        insert = table.insert().values(row).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        parts.append(str(insert))
    return ";\n\n".join(parts) + ";\n"
