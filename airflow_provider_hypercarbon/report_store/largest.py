"""Sums of several queries added up by the database, which returns the groups that emit most and the rest together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

_EMISSIONS = "emissions_kgco2eq"


def largest(
    queries: Sequence[tuple[sa.Select[Any], int]], counted: Sequence[str], signal: Sequence[str], most: int | None
) -> sa.Select[Any]:
    """Return a query for counts by ``group_key`` and signal; ``is_rest`` is 1 where what is beyond ``most`` stands.

    A hundred thousand VMs are sorted by the database in less time than it takes to read them all from it.

    :param queries: each with 1 or -1: its counts are added, or taken away.
    :param counted: their columns of counts; beside them, they have ``group_key`` and those of the signal.
    :param most: how many keys, the most emitting ones of any signal; None for all.
    """
    pieces = [query.add_columns(_number(sign).label("sign")) for query, sign in queries]
    every = pieces[0].subquery("every") if len(pieces) == 1 else sa.union_all(*pieces).subquery("every")
    by = [every.c[name] for name in ("group_key", *signal)]
    sums = sa.select(*(sa.func.sum(every.c[name] * every.c.sign).label(name) for name in counted), *by).group_by(*by)
    if most is None:
        return sums.add_columns(_number(0).label("is_rest"))
    return _cut(sums.subquery("sums"), counted, signal, most)


def _cut(sums: sa.Subquery, counted: Sequence[str], signal: Sequence[str], most: int) -> sa.Select[Any]:
    # Of two signals, this sum only says which keys to show; nobody sees it.
    weight = sa.func.sum(sa.func.coalesce(sums.c[_EMISSIONS], 0)).over(partition_by=sums.c.group_key)
    weighed = sa.select(sums, weight.label("weight")).where(sums.c.operations != 0).subquery("weighed")
    place = sa.func.dense_rank().over(order_by=(weighed.c.weight.desc(), weighed.c.group_key))
    ranked = sa.select(weighed, place.label("place")).subquery("ranked")
    shown = ranked.c.place <= _number(most)
    key = sa.case((shown, ranked.c.group_key)).label("group_key")
    rest = sa.case((shown, _number(0)), else_=_number(1)).label("is_rest")
    marked = sa.select(*(ranked.c[name] for name in (*counted, *signal)), key, rest).subquery("marked")
    by = [marked.c[name] for name in ("group_key", *signal, "is_rest")]
    return sa.select(*(sa.func.sum(marked.c[name]).label(name) for name in counted), *by).group_by(*by)


def _number(value: int) -> sa.ColumnClause[int]:
    # In the words of the query: by parameters, databases tell expressions apart that are the same.
    return sa.literal_column(str(value), sa.Integer)
