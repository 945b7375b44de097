"""In which order reports are paged through, and where a page of them ended."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.report_store.table import reports

#: There is an index for the start; for a figure, all reports of the filter are looked at.
Sorted = Literal["started_at", "energy_kwh", "emissions_kgco2eq", "difference_to_scheduled_kgco2eq"]


class Order(NamedTuple):
    """By a column, then by the operation's id; reports that do not know the figure come last either way."""

    by: Sorted = "started_at"
    descending: bool = True

    def apply(self, query: sa.Select[Any], column: sa.ColumnElement[Any], operation_id: Any) -> sa.Select[Any]:
        """Sort a query by these two columns of it."""
        sort = [one.desc() if self.descending else one for one in (column, operation_id)]
        unknown = [] if self.by == "started_at" else [sa.case((column.is_(None), 1), else_=0)]
        return query.order_by(*unknown, *sort)

    def beyond(self, place: Place) -> sa.ColumnElement[bool]:
        """Return the condition that a report comes after a place."""
        column, operation_id = reports.c[self.by], reports.c.operation_id
        later = operation_id < place.operation_id if self.descending else operation_id > place.operation_id
        if place.value is None:
            return column.is_(None) & later
        after = column < place.value if self.descending else column > place.value
        if self.by != "started_at":
            return after | ((column == place.value) & later) | column.is_(None)
        # Said twice, so that an index is used: not every database reads a pair of columns so.
        upto = column <= place.value if self.descending else column >= place.value
        return upto & (after | later)

    @staticmethod
    def place_of(row: sa.RowMapping) -> Place:
        """Return the place of a row, which has the column beside it as ``sorted_by``."""
        return Place(row["sorted_by"], row["operation_id"])

    def read(self, word: str) -> Place:
        """Read a word of :meth:`Place.encode`.

        :raises ConfigurationError: it is none, or one of another order.
        """
        place = Place.decode(word)
        number = isinstance(place.value, float | int) and math.isfinite(place.value)
        if not (isinstance(place.value, str) if self.by == "started_at" else place.value is None or number):
            raise _no_place(word)
        return place


NEWEST_FIRST = Order()


class Place(NamedTuple):
    """A report's place in an order: the next page begins behind it, whatever was added meanwhile.

    :param value: of the column that the order goes by.
    """

    value: str | float | None
    operation_id: str

    def encode(self) -> str:
        """Return the place as a word for a URL."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, word: str) -> Place:
        """Read a word of :meth:`encode`.

        :raises ConfigurationError: it is none.
        """
        try:
            parts: Any = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
            value, operation_id = parts
            if isinstance(value, bool | list | dict) or not isinstance(operation_id, str):
                raise TypeError
            # Of our own making, so what no database can look for is a forgery as well.
            f"{value}{operation_id}".replace("\0", "\ud800").encode()
        except (ValueError, TypeError):
            raise _no_place(word) from None
        return cls(value, operation_id)


def _no_place(word: str) -> ConfigurationError:
    return ConfigurationError(
        f"{word[:80]!r} is no place to go on from. Pass the one that came with the page before, in the same order, "
        "or none."
    )
