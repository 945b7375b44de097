"""The ledger and the current reports: their columns, units, constraints and indexes.

``hypercarbon_ledger`` is the truth: every report that was ever saved, one row a revision, only ever appended to.
``hypercarbon_reports`` (the current report of each operation) and the sums of :mod:`.sum_tables` follow from it and
are written in the same transaction.
"""

from __future__ import annotations

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.columns import (
    DOCUMENT,
    EXACT,
    HASH_LENGTH,
    PATH_LENGTH,
    POSITION,
    hashed,
    ident,
    instant,
    metadata,
    number,
    truth,
    whole,
    word,
)

#: The hash before the first revision, and the name of the one chain.
NO_HASH = "0" * HASH_LENGTH
CHAIN = "reports"

#: One row a revision of a report, each chained to the one before by its hash; never changed, never deleted.
ledger = sa.Table(
    "hypercarbon_ledger",
    metadata,
    sa.Column(
        "position",
        POSITION,
        primary_key=True,
        autoincrement=False,
        doc="1, 2, 3, ... without a gap: place in the chain",
    ),
    ident("operation_id", "what the report is about"),
    whole("revision", "1, 2, 3, ... for each operation"),
    word(
        "why",
        "`first_report`; `retry` (a later try of the task instance), `re_report` (by another one), `reconciliation` "
        "(the provider's values became final); `imported` from before there was a ledger",
        nullable=False,
    ),
    instant("saved_at", "when"),
    sa.Column(
        "document",
        DOCUMENT,
        nullable=False,
        doc="the whole as canonical JSON: `operation_id`, `revision`, `why`, `saved_at`, `context` (task instance, "
        "VM), `report`",
    ),
    hashed("prev_hash", "`hash` of the position before; 64 zeros at position 1"),
    hashed("hash", "SHA-256, in hexadecimal, of `prev_hash`, a line feed and `document` in UTF-8"),
    sa.UniqueConstraint("operation_id", "revision", name="uq_hypercarbon_ledger_operation_revision"),
    sa.CheckConstraint("position >= 1", name="ck_hypercarbon_ledger_position"),
    sa.CheckConstraint("revision >= 1", name="ck_hypercarbon_ledger_revision"),
    **EXACT,
)

#: One row: the end of the chain. Whoever appends locks it first.
ledger_head = sa.Table(
    "hypercarbon_ledger_head",
    metadata,
    sa.Column("chain", sa.String(64), primary_key=True, doc="`reports`"),
    sa.Column(
        "position", sa.BigInteger, nullable=False, doc="last position of `hypercarbon_ledger`; 0 when it is empty"
    ),
    hashed("hash", "`hash` at that position"),
    **EXACT,
)

#: One row an operation: its current report, as columns for people who query. The whole is in the ledger.
reports = sa.Table(
    "hypercarbon_reports",
    metadata,
    ident(
        "operation_id",
        "what the report is about: an export's job id, or an id of the task instance",
        primary_key=True,
    ),
    sa.Column(
        "ledger_position", sa.BigInteger, nullable=False, unique=True, doc="`position` of its revision in the ledger"
    ),
    whole("revision", "which revision that is"),
    ident("dag_id", "task instance that reported: DAG"),
    ident("run_id", "its DAG run"),
    ident("task_id", "its task"),
    whole("map_index", "its map index; -1 when the task is not mapped"),
    whole("try_number", "its try"),
    sa.Column("vm_path", sa.String(PATH_LENGTH), doc="VM that was exported"),
    word("zone", "zone key of the grid", nullable=False),
    instant("started_at", "start of the run"),
    instant("ended_at", "end of the run"),
    instant("scheduled_at", "when it could have started", nullable=True),
    number("duration_hours", "h", nullable=False),
    number("data_gb", "GB (10^9 bytes) exported"),
    number("energy_kwh", "kWh, central value"),
    number("energy_low_kwh", "kWh, low scenario"),
    number("energy_high_kwh", "kWh, high scenario"),
    word("energy_model", "name and version of the energy model", nullable=False),
    truth("energy_measured", "the host's energy was measured, not modelled"),
    word("energy_tier", "`measured`, `instance`, `default` or `comparison`; null before version 3"),
    number("shiftable_energy_kwh", "kWh, the part that moves with the start"),
    number("network_energy_kwh", "kWh, the network's part"),
    number("mean_gco2eq_per_kwh", "gCO2eq/kWh, time-weighted mean over the run"),
    number("intensity_coverage", "share of the run, 0 to 1, with values of the source", nullable=False),
    number("emissions_kgco2eq", "kgCO2eq, central value"),
    number("emissions_low_kgco2eq", "kgCO2eq, low scenario"),
    number("emissions_high_kgco2eq", "kgCO2eq, high scenario"),
    number("scheduled_mean_gco2eq_per_kwh", "gCO2eq/kWh, mean over the same duration from the scheduled start"),
    number("difference_to_scheduled_kgco2eq", "kgCO2eq, this run minus the same energy at the scheduled start"),
    number("difference_to_window_mean_kgco2eq", "kgCO2eq, this run minus a start at random in its window"),
    number("difference_to_worst_start_kgco2eq", "kgCO2eq, this run minus the worst start in its window"),
    number("scope2_location_kgco2eq", "kgCO2eq, Scope 2, location-based (direct factors)"),
    number("scope3_upstream_kgco2eq", "kgCO2eq, Scope 3 category 3 (fuel and upstream)"),
    number("retention_energy_kwh", "kWh of the disks while the backup is kept; in no figure of the run"),
    number("retention_energy_low_kwh", "kWh, low scenario"),
    number("retention_energy_high_kwh", "kWh, high scenario"),
    number("retention_kgco2eq", "kgCO2eq, a projection for that time"),
    number("embodied_kgco2eq", "kgCO2eq, share of making the machine"),
    number("embodied_low_kgco2eq", "kgCO2eq, low scenario"),
    number("embodied_high_kgco2eq", "kgCO2eq, high scenario"),
    number("savings_vs_worst_kgco2eq", "kgCO2eq, HyperSDK's comparison with coal alone; not caused by waiting"),
    word("source", "where the intensities came from"),
    word("signal_kind", "`average` or `marginal`"),
    word("signal_factors", "`lifecycle`, `direct` or `operational`"),
    truth("provisional", "some value is an estimate or missing, and may still change"),
    word("synthetic", "`mock` or `sandbox` when the intensities were made up; null for real ones"),
    word("start_reason", "why the run started when it did"),
    instant("saved_at", "when this revision was saved"),
    word("software_version", "of this package, when the report was made", nullable=False),
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
    **EXACT,
)
