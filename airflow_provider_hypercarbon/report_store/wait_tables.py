"""The tables behind waits: what was decided, and what the grid was and was said to be."""

from __future__ import annotations

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.columns import (
    DOCUMENT,
    EXACT,
    ID_LENGTH,
    INSTANT_LENGTH,
    metadata,
    number,
    word,
)


def _series_key() -> list[sa.Column[str]]:
    """Zone, source and signal: a change of any of them is another series."""
    names = ("zone", "source", "signal_kind", "signal_factors")
    return [sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in names]


def _instant_key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(INSTANT_LENGTH), primary_key=True, nullable=False)


#: One row a decision of a sensor, with all that it was made on.
decisions = sa.Table(
    "hypercarbon_decisions",
    metadata,
    sa.Column("decision_id", sa.String(64), primary_key=True),
    sa.Column("dag_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("run_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("task_id", sa.String(ID_LENGTH), nullable=False),
    sa.Column("map_index", sa.Integer, nullable=False),
    sa.Column("decided_at", sa.String(INSTANT_LENGTH), nullable=False),
    word("zone", nullable=False),
    word("reason", nullable=False),
    sa.Column("due", sa.Boolean, nullable=False),
    sa.Column("document", DOCUMENT, nullable=False),
    sa.Index("ix_hypercarbon_decisions_run", "dag_id", "run_id"),
    sa.Index("ix_hypercarbon_decisions_decided", "decided_at"),
    **EXACT,
)

#: One row a measured slot: what the learned curve learns from.
readings = sa.Table(
    "hypercarbon_readings",
    metadata,
    *_series_key(),
    _instant_key("start_at"),
    sa.Column("slot_seconds", sa.Integer, nullable=False),
    number("gco2eq_per_kwh", nullable=False),
    **EXACT,
)

#: One row a forecast, exactly as it was received.
forecasts = sa.Table(
    "hypercarbon_forecasts",
    metadata,
    *_series_key(),
    _instant_key("issued_at"),
    sa.Column("start_at", sa.String(INSTANT_LENGTH), nullable=False),
    sa.Column("slot_seconds", sa.Integer, nullable=False),
    sa.Column("document", DOCUMENT, nullable=False),
    **EXACT,
)

#: One row a question: what a source last said, or why it said nothing; shared by all workers.
answers = sa.Table(
    "hypercarbon_answers",
    metadata,
    *(sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in ("scope", "zone", "question")),
    sa.Column("document", DOCUMENT, nullable=False),
    sa.Column("saved_at", sa.String(INSTANT_LENGTH), nullable=False),
    **EXACT,
)

#: One row a zone: whose turn it is to ask; with an empty zone, how many requests were made in a period.
turns = sa.Table(
    "hypercarbon_turns",
    metadata,
    *(sa.Column(name, sa.String(64), primary_key=True, nullable=False) for name in ("scope", "zone")),
    word("holder", nullable=False),
    number("held_until", nullable=False),
    sa.Column("spent", sa.Integer, nullable=False),
    word("period", nullable=False),
    **EXACT,
)
