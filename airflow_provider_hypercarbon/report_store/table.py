"""The results table in the user's database: its columns, and how it comes to its present version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.exceptions import ReportStoreError

#: What Airflow allows for the ids of DAGs, runs and tasks; four bytes a character fit InnoDB's key.
ID_LENGTH = 250
_INSTANT_LENGTH = 32
_COMPONENT = "reports"
# MySQL and MariaDB compare ids without regard to case unless told otherwise.
_EXACT: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}

metadata = sa.MetaData()


def _id(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(ID_LENGTH), primary_key=primary_key, nullable=False)


def _word(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(_INSTANT_LENGTH), nullable=nullable)


def _number(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _series_key() -> list[sa.Column[str]]:
    """Zone, source and signal: a change of any of them is another series."""
    names = ("zone", "source", "signal_kind", "signal_factors")
    return [sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in names]


def _instant_key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(_INSTANT_LENGTH), primary_key=True, nullable=False)


#: One row an operation: its latest report. The columns are for people who query; ``document`` is the whole.
reports = sa.Table(
    "hypercarbon_reports",
    metadata,
    _id("operation_id", primary_key=True),
    _id("dag_id"),
    _id("run_id"),
    _id("task_id"),
    sa.Column("map_index", sa.Integer, nullable=False),
    sa.Column("try_number", sa.Integer, nullable=False),
    # As long as an index of InnoDB can be, together with an instant.
    sa.Column("vm_path", sa.String(700)),
    _word("zone", nullable=False),
    _instant("started_at"),
    _instant("ended_at"),
    _instant("scheduled_at", nullable=True),
    _number("duration_hours", nullable=False),
    _number("data_gb"),
    _number("energy_kwh"),
    _number("energy_low_kwh"),
    _number("energy_high_kwh"),
    _word("energy_model", nullable=False),
    sa.Column("energy_measured", sa.Boolean, nullable=False),
    _number("mean_gco2eq_per_kwh"),
    _number("intensity_coverage", nullable=False),
    _number("emissions_kgco2eq"),
    _number("emissions_low_kgco2eq"),
    _number("emissions_high_kgco2eq"),
    _number("scheduled_mean_gco2eq_per_kwh"),
    _number("difference_to_scheduled_kgco2eq"),
    _number("savings_vs_worst_kgco2eq"),
    _word("source"),
    _word("signal_kind"),
    _word("signal_factors"),
    sa.Column("provisional", sa.Boolean, nullable=False),
    _word("synthetic"),
    _word("start_reason"),
    sa.Column("document", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    _instant("saved_at"),
    _word("software_version", nullable=False),
    sa.Index("ix_hypercarbon_reports_started", "started_at"),
    sa.Index("ix_hypercarbon_reports_zone_started", "zone", "started_at"),
    sa.Index("ix_hypercarbon_reports_dag_started", "dag_id", "started_at"),
    sa.Index("ix_hypercarbon_reports_vm_started", "vm_path", "started_at"),
    **_EXACT,
)

#: One row a decision of a sensor, with all that it was made on.
decisions = sa.Table(
    "hypercarbon_decisions",
    metadata,
    sa.Column("decision_id", sa.String(64), primary_key=True),
    _id("dag_id"),
    _id("run_id"),
    _id("task_id"),
    sa.Column("map_index", sa.Integer, nullable=False),
    _instant("decided_at"),
    _word("zone", nullable=False),
    _word("reason", nullable=False),
    sa.Column("due", sa.Boolean, nullable=False),
    sa.Column("document", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    sa.Index("ix_hypercarbon_decisions_run", "dag_id", "run_id"),
    sa.Index("ix_hypercarbon_decisions_decided", "decided_at"),
    **_EXACT,
)

#: One row a measured slot: what the learned curve learns from.
readings = sa.Table(
    "hypercarbon_readings",
    metadata,
    *_series_key(),
    _instant_key("start_at"),
    sa.Column("slot_seconds", sa.Integer, nullable=False),
    _number("gco2eq_per_kwh", nullable=False),
    **_EXACT,
)

#: One row a forecast, exactly as it was received.
forecasts = sa.Table(
    "hypercarbon_forecasts",
    metadata,
    *_series_key(),
    _instant_key("issued_at"),
    _instant("start_at"),
    sa.Column("slot_seconds", sa.Integer, nullable=False),
    sa.Column("document", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    **_EXACT,
)

#: One row a question: what a source last said, or why it said nothing; shared by all workers.
answers = sa.Table(
    "hypercarbon_answers",
    metadata,
    *(sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in ("scope", "zone", "question")),
    sa.Column("document", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    _instant("saved_at"),
    **_EXACT,
)

#: One row a zone: whose turn it is to ask; with an empty zone, how many requests were made in a period.
turns = sa.Table(
    "hypercarbon_turns",
    metadata,
    *(sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in ("scope", "zone")),
    _word("holder", nullable=False),
    _number("held_until", nullable=False),
    sa.Column("spent", sa.Integer, nullable=False),
    _word("period", nullable=False),
    **_EXACT,
)

#: One row: the version of the tables above.
schema = sa.Table(
    "hypercarbon_schema",
    metadata,
    sa.Column("component", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    **_EXACT,
)


def instant_text(instant: datetime) -> str:
    """Write an instant as UTC in 32 characters, so that texts sort as times on every database."""
    return as_utc(instant).isoformat(timespec="microseconds")


def _create(connection: sa.Connection) -> None:
    metadata.create_all(connection, checkfirst=True)
    # Another process may have made the table and been stopped before its indexes.
    for table in (reports, decisions):
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _create_answers(connection: sa.Connection) -> None:
    metadata.create_all(connection, tables=[answers, turns], checkfirst=True)


#: The steps from each version to the next, in order; only ever appended to. MySQL commits each statement that
#: changes a table, and others may run the same step: a step looks before it changes, and bears to be repeated.
MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_create, _create_answers)


def migrate(connection: sa.Connection, migrations: Sequence[Callable[[sa.Connection], None]] = MIGRATIONS) -> None:
    """Bring the tables to the present version; the caller repeats it when another process was quicker.

    :raises ReportStoreError: they are newer than this code.
    """
    found = found_version(connection, newest=len(migrations))
    for version, step in enumerate(migrations[found:], start=found + 1):
        step(connection)
        row = schema.c.component == _COMPONENT
        if version == 1:
            connection.execute(schema.insert().values(component=_COMPONENT, version=version))
        else:
            connection.execute(schema.update().where(row, schema.c.version < version).values(version=version))


def found_version(connection: sa.Connection, *, newest: int = len(MIGRATIONS)) -> int:
    """Return the version of the tables; 0 when there are none.

    :raises ReportStoreError: they are newer than this code.
    """
    if not sa.inspect(connection).has_table(schema.name):
        return 0
    query = sa.select(schema.c.version).where(schema.c.component == _COMPONENT)
    version = connection.execute(query).scalar() or 0
    if version > newest:
        raise ReportStoreError(
            f"The results table has version {version}, this software knows {newest}. Upgrade "
            "airflow-provider-hypercarbon on every worker and API server to the release that wrote it."
        )
    return version


def create_statements(dialect: sa.Dialect) -> str:
    """Return the SQL that makes the tables, for an administrator who runs it by hand."""
    parts = [str(CreateTable(table).compile(dialect=dialect)).strip() for table in metadata.sorted_tables]
    indexes = sorted([*reports.indexes, *decisions.indexes], key=lambda index: str(index.name))
    parts += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    row = schema.insert().values(component=_COMPONENT, version=len(MIGRATIONS))
    parts.append(str(row.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))
    return ";\n\n".join(parts) + ";\n"
