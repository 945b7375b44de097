"""What the queries of a plot count, of what, and where each of their rows counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.largest import largest
from airflow_provider_hypercarbon.report_store.sum_tables import PLOTTED

Grouping = Literal["day", "zone", "vm", "dag", "reason"]
SIGNAL = ("signal_kind", "signal_factors")
#: What is counted of each group; figures in billionths of their unit.
COUNTS = (
    "operations",
    "provisional_operations",
    *PLOTTED,
    "emissions_kgco2eq_known",
    "difference_to_scheduled_kgco2eq_known",
)
_Row = sa.Row[Any]


class PlotGroup(NamedTuple):
    """What a sum is about.

    :param key: the day, zone, VM, DAG or reason; None where it is unknown, or nothing was told apart.
    :param is_rest: it is about all keys together that were cut off.
    """

    key: str | None
    signal_kind: str | None
    signal_factors: str | None
    is_rest: bool = False

    @property
    def signal(self) -> tuple[str | None, str | None]:
        """Kind and factors."""
        return self.signal_kind, self.signal_factors


_Places = Iterable[tuple[PlotGroup, int]]


class Part(NamedTuple):
    """A query whose rows are added to the groups, or taken away from them.

    :param query: its first columns are ``COUNTS``.
    :param places: the groups that a row counts for, each with 1 or -1.
    """

    query: sa.Select[Any]
    places: Callable[[_Row], _Places]


Days = Iterable[tuple[str | None, int]]


def _no_days(_: _Row) -> Days:
    return []


class Piece(NamedTuple):
    """A query of a part.

    :param sign: 1 when what it counts is added, -1 when it is taken away.
    :param days: on which days a row is counted (1), or counted no more (-1), when days are asked for.
    """

    query: sa.Select[Any]
    sign: int = 1
    days: Callable[[_Row], Days] = _no_days


def parts_by_day(pieces: list[Piece]) -> list[Part]:
    """Return pieces as parts whose rows count for days."""
    return [Part(piece.query, partial(_on_days, piece)) for piece in pieces]


def part_by_key(pieces: list[Piece], most: int | None) -> Part:
    """Return pieces, each with its ``group_key``, as one part.

    :param most: how many keys at most; None for all.
    """
    return Part(largest([(piece.query, piece.sign) for piece in pieces], COUNTS, SIGNAL, most), _by_key)


def _on_days(piece: Piece, row: _Row) -> _Places:
    return [(PlotGroup(day, row.signal_kind, row.signal_factors), piece.sign * sign) for day, sign in piece.days(row)]


def _by_key(row: _Row) -> _Places:
    return [(PlotGroup(row.group_key, row.signal_kind, row.signal_factors, bool(row.is_rest)), 1)]
