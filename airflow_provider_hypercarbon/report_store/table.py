"""The tables in the user's database: their columns, units, constraints and indexes.

``hypercarbon_ledger`` is the truth: every report that was ever saved, one row a revision, only ever appended to.
``hypercarbon_reports`` (the current report of each operation) and ``hypercarbon_sums`` (exact monthly sums) follow
from it and are written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from airflow_provider_hypercarbon.carbon.instants import as_utc

#: What Airflow allows for the ids of DAGs, runs and tasks; four bytes a character fit InnoDB's key.
ID_LENGTH = 250
HASH_LENGTH = 64
_INSTANT_LENGTH = 32
#: The hash before the first revision, and the name of the one chain.
NO_HASH = "0" * HASH_LENGTH
CHAIN = "reports"
# MySQL and MariaDB compare ids without regard to case unless told otherwise.
_EXACT: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}
_DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
# SQLite keeps a table in the order of an INTEGER key, and needs no other index for it.
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData()


def _id(name: str, doc: str | None = None, **more: Any) -> sa.Column[str]:
    return sa.Column(name, _text(ID_LENGTH), **{"nullable": False, "doc": doc, **more})


def _word(name: str, doc: str | None = None, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=nullable, doc=doc)


def _instant(name: str, doc: str | None = None, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _text(_INSTANT_LENGTH), nullable=nullable, doc=doc)


def _number(name: str, doc: str | None = None, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable, doc=doc)


def _truth(name: str, doc: str | None = None) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, doc=doc)


def _whole(name: str, doc: str | None = None, **more: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, **{"nullable": False, "doc": doc, **more})


def _hash(name: str, doc: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(HASH_LENGTH), **{"nullable": False, "doc": doc, **more})


def _text(length: int) -> sa.String:
    # PostgreSQL sorts by a language unless told otherwise, slower and differently after an upgrade of the system.
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def _series_key() -> list[sa.Column[str]]:
    """Zone, source and signal: a change of any of them is another series."""
    names = ("zone", "source", "signal_kind", "signal_factors")
    return [sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in names]


def _instant_key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(_INSTANT_LENGTH), primary_key=True, nullable=False)


#: One row a revision of a report, each chained to the one before by its hash; never changed, never deleted.
ledger = sa.Table(
    "hypercarbon_ledger",
    metadata,
    sa.Column(
        "position",
        _POSITION,
        primary_key=True,
        autoincrement=False,
        doc="1, 2, 3, ... without a gap: place in the chain",
    ),
    _id("operation_id", "what the report is about"),
    _whole("revision", "1, 2, 3, ... for each operation"),
    _word(
        "why",
        "`first_report`; `retry` (a later try of the task instance), `re_report` (by another one), `reconciliation` "
        "(the provider's values became final); `imported` from before there was a ledger",
        nullable=False,
    ),
    _instant("saved_at", "when"),
    sa.Column(
        "document",
        _DOCUMENT,
        nullable=False,
        doc="the whole as canonical JSON: `operation_id`, `revision`, `why`, `saved_at`, `context` (task instance, "
        "VM), `report`",
    ),
    _hash("prev_hash", "`hash` of the position before; 64 zeros at position 1"),
    _hash("hash", "SHA-256, in hexadecimal, of `prev_hash`, a line feed and `document` in UTF-8"),
    sa.UniqueConstraint("operation_id", "revision", name="uq_hypercarbon_ledger_operation_revision"),
    sa.CheckConstraint("position >= 1", name="ck_hypercarbon_ledger_position"),
    sa.CheckConstraint("revision >= 1", name="ck_hypercarbon_ledger_revision"),
    **_EXACT,
)

#: One row: the end of the chain. Whoever appends locks it first.
ledger_head = sa.Table(
    "hypercarbon_ledger_head",
    metadata,
    sa.Column("chain", sa.String(64), primary_key=True, doc="`reports`"),
    sa.Column(
        "position", sa.BigInteger, nullable=False, doc="last position of `hypercarbon_ledger`; 0 when it is empty"
    ),
    _hash("hash", "`hash` at that position"),
    **_EXACT,
)

#: One row an operation: its current report, as columns for people who query. The whole is in the ledger.
reports = sa.Table(
    "hypercarbon_reports",
    metadata,
    _id(
        "operation_id",
        "what the report is about: an export's job id, or an id of the task instance",
        primary_key=True,
    ),
    sa.Column(
        "ledger_position", sa.BigInteger, nullable=False, unique=True, doc="`position` of its revision in the ledger"
    ),
    _whole("revision", "which revision that is"),
    _id("dag_id", "task instance that reported: DAG"),
    _id("run_id", "its DAG run"),
    _id("task_id", "its task"),
    _whole("map_index", "its map index; -1 when the task is not mapped"),
    _whole("try_number", "its try"),
    # As long as an index of InnoDB can be, together with an instant.
    sa.Column("vm_path", sa.String(700), doc="VM that was exported"),
    _word("zone", "zone key of the grid", nullable=False),
    _instant("started_at", "start of the run"),
    _instant("ended_at", "end of the run"),
    _instant("scheduled_at", "when it could have started", nullable=True),
    _number("duration_hours", "h", nullable=False),
    _number("data_gb", "GB (10^9 bytes) exported"),
    _number("energy_kwh", "kWh, central value"),
    _number("energy_low_kwh", "kWh, low scenario"),
    _number("energy_high_kwh", "kWh, high scenario"),
    _word("energy_model", "name and version of the energy model", nullable=False),
    _truth("energy_measured", "the host's energy was measured, not modelled"),
    _word("energy_tier", "`measured`, `instance`, `default` or `comparison`; null before version 3"),
    _number("shiftable_energy_kwh", "kWh, the part that moves with the start"),
    _number("network_energy_kwh", "kWh, the network's part"),
    _number("mean_gco2eq_per_kwh", "gCO2eq/kWh, time-weighted mean over the run"),
    _number("intensity_coverage", "share of the run, 0 to 1, with values of the source", nullable=False),
    _number("emissions_kgco2eq", "kgCO2eq, central value"),
    _number("emissions_low_kgco2eq", "kgCO2eq, low scenario"),
    _number("emissions_high_kgco2eq", "kgCO2eq, high scenario"),
    _number("scheduled_mean_gco2eq_per_kwh", "gCO2eq/kWh, mean over the same duration from the scheduled start"),
    _number("difference_to_scheduled_kgco2eq", "kgCO2eq, this run minus the same energy at the scheduled start"),
    _number("difference_to_window_mean_kgco2eq", "kgCO2eq, this run minus a start at random in its window"),
    _number("difference_to_worst_start_kgco2eq", "kgCO2eq, this run minus the worst start in its window"),
    _number("scope2_location_kgco2eq", "kgCO2eq, Scope 2, location-based (direct factors)"),
    _number("scope3_upstream_kgco2eq", "kgCO2eq, Scope 3 category 3 (fuel and upstream)"),
    _number("retention_energy_kwh", "kWh of the disks while the backup is kept; in no figure of the run"),
    _number("retention_energy_low_kwh", "kWh, low scenario"),
    _number("retention_energy_high_kwh", "kWh, high scenario"),
    _number("retention_kgco2eq", "kgCO2eq, a projection for that time"),
    _number("embodied_kgco2eq", "kgCO2eq, share of making the machine"),
    _number("embodied_low_kgco2eq", "kgCO2eq, low scenario"),
    _number("embodied_high_kgco2eq", "kgCO2eq, high scenario"),
    _number("savings_vs_worst_kgco2eq", "kgCO2eq, HyperSDK's comparison with coal alone; not caused by waiting"),
    _word("source", "where the intensities came from"),
    _word("signal_kind", "`average` or `marginal`"),
    _word("signal_factors", "`lifecycle`, `direct` or `operational`"),
    _truth("provisional", "some value is an estimate or missing, and may still change"),
    _word("synthetic", "`mock` or `sandbox` when the intensities were made up; null for real ones"),
    _word("start_reason", "why the run started when it did"),
    _instant("saved_at", "when this revision was saved"),
    _word("software_version", "of this package, when the report was made", nullable=False),
    sa.CheckConstraint("revision >= 1", name="ck_hypercarbon_reports_revision"),
    sa.CheckConstraint("ended_at >= started_at", name="ck_hypercarbon_reports_ended"),
    sa.CheckConstraint("duration_hours >= 0", name="ck_hypercarbon_reports_duration"),
    sa.CheckConstraint("data_gb >= 0", name="ck_hypercarbon_reports_data"),
    sa.CheckConstraint("energy_kwh >= 0", name="ck_hypercarbon_reports_energy"),
    sa.CheckConstraint("emissions_kgco2eq >= 0", name="ck_hypercarbon_reports_emissions"),
    sa.Index("ix_hypercarbon_reports_start", "started_at", "operation_id"),
    sa.Index("ix_hypercarbon_reports_zone_start", "zone", "started_at"),
    sa.Index("ix_hypercarbon_reports_dag_start", "dag_id", "started_at"),
    sa.Index("ix_hypercarbon_reports_vm_start", "vm_path", "started_at"),
    sa.Index("ix_hypercarbon_reports_provisional_start", "provisional", "started_at"),
    **_EXACT,
)

#: The figures of a report that add up.
SUMMED = (
    "duration_hours",
    "data_gb",
    "energy_kwh",
    "energy_low_kwh",
    "energy_high_kwh",
    "emissions_kgco2eq",
    "emissions_low_kgco2eq",
    "emissions_high_kgco2eq",
    "difference_to_scheduled_kgco2eq",
    "savings_vs_worst_kgco2eq",
    "shiftable_energy_kwh",
    "network_energy_kwh",
    "difference_to_window_mean_kgco2eq",
    "difference_to_worst_start_kgco2eq",
    "scope2_location_kgco2eq",
    "scope3_upstream_kgco2eq",
    "retention_energy_kwh",
    "retention_energy_low_kwh",
    "retention_energy_high_kwh",
    "retention_kgco2eq",
    "embodied_kgco2eq",
    "embodied_low_kgco2eq",
    "embodied_high_kgco2eq",
)


def _sum_columns() -> Iterator[sa.Column[int]]:
    for name in SUMMED:
        words = f"sum of `{name}`, in billionths of its unit"
        yield sa.Column(name, sa.BigInteger, nullable=False, server_default="0", doc=words)
        words = f"how many operations know `{name}`"
        yield sa.Column(f"{name}_known", sa.BigInteger, nullable=False, server_default="0", doc=words)


#: One row a month, DAG, VM, zone and quality: exact sums over the current reports, for pages and summaries.
sums = sa.Table(
    "hypercarbon_sums",
    metadata,
    _hash("group_id", "SHA-256 of what the row is about", primary_key=True),
    sa.Column("month", _text(7), nullable=False, doc="month of the start in UTC, such as `2026-03`"),
    _id("dag_id", "DAG that reported"),
    sa.Column("vm_path", sa.String(700), doc="VM"),
    _word("zone", "zone key of the grid", nullable=False),
    _word("source", "where the intensities came from"),
    _word("signal_kind", "two different signals are never summed"),
    _word("signal_factors", "likewise"),
    _word("energy_model", "name and version of the energy model", nullable=False),
    _truth("energy_measured", "the host's energy was measured, not modelled"),
    _word("energy_tier", "`measured`, `instance`, `default` or `comparison`"),
    _truth("provisional", "some value may still change"),
    _word("synthetic", "null for real data; sum only those"),
    sa.Column("operations", sa.BigInteger, nullable=False, doc="how many operations"),
    *_sum_columns(),
    sa.Index("ix_hypercarbon_sums_month", "month"),
    **_EXACT,
)

#: One row a decision of a sensor, with all that it was made on.
decisions = sa.Table(
    "hypercarbon_decisions",
    metadata,
    sa.Column("decision_id", sa.String(64), primary_key=True),
    sa.Column("dag_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("run_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("task_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("map_index", sa.Integer, nullable=False),
    sa.Column("decided_at", sa.String(_INSTANT_LENGTH), nullable=False),
    _word("zone", nullable=False),
    _word("reason", nullable=False),
    sa.Column("due", sa.Boolean, nullable=False),
    sa.Column("document", _DOCUMENT, nullable=False),
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
    sa.Column("start_at", sa.String(_INSTANT_LENGTH), nullable=False),
    sa.Column("slot_seconds", sa.Integer, nullable=False),
    sa.Column("document", _DOCUMENT, nullable=False),
    **_EXACT,
)

#: One row a question: what a source last said, or why it said nothing; shared by all workers.
answers = sa.Table(
    "hypercarbon_answers",
    metadata,
    *(sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in ("scope", "zone", "question")),
    sa.Column("document", _DOCUMENT, nullable=False),
    sa.Column("saved_at", sa.String(_INSTANT_LENGTH), nullable=False),
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
