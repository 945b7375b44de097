"""Ridge regression towards a prior, one day after another: the same sums in any order of asking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement
from operator import mul

#: Half of what a day taught is forgotten after so many days.
HALF_LIFE_DAYS = 28
#: With so many rows, data and prior weigh alike.
PRIOR_ROWS = 100
#: Rows of at least so many hours of the day within so many days; what one hour teaches does not hold for others.
GUARD_HOURS = 4
GUARD_DAYS = 14
_FADING = 0.5 ** (1 / HALF_LIFE_DAYS)
_TINY = 1e-6


class Ridge:
    """Coefficients that predict a change, near to ``prior`` until the rows say otherwise.

    :param prior: one coefficient a feature.
    """

    def __init__(self, prior: Sequence[float]) -> None:
        self.prior = tuple(prior)
        self.rows = 0.0  # as far as remembered
        count = len(self.prior)
        self._products = [0.0] * (count * (count + 1) // 2)  # upper triangle, row by row
        self._changes = [0.0] * count
        self._taught_on: dict[int, int] = {}

    def learn(self, day: int, columns: Sequence[Sequence[float]], changes: Sequence[float], first_hour: int) -> None:
        """Take in the rows of a day, which is the day after the last; rows with a NaN are left out.

        :param columns: one a feature.
        :param first_hour: when the first row was made; each later row an hour after the one before.
        """
        self.rows *= _FADING
        self._products = [_FADING * value for value in self._products]
        self._changes = [_FADING * value for value in self._changes]
        hours: Sequence[int] = range(first_hour, first_hour + len(changes))
        if math.isnan(sum(map(sum, columns)) + sum(changes)):
            table = [row for row in zip(*columns, changes, hours, strict=True) if not math.isnan(sum(row))]
            if not table:
                return
            *columns, changes, hours = zip(*table, strict=True)
        self.rows += len(changes)
        self._taught_on.update((int(hour) % 24, day) for hour in hours)
        pairs = combinations_with_replacement(columns, 2)
        self._products = [old + sum(map(mul, a, b)) for old, (a, b) in zip(self._products, pairs, strict=True)]
        self._changes = [old + sum(map(mul, a, changes)) for old, a in zip(self._changes, columns, strict=True)]

    def coefficients(self, day: int) -> tuple[float, ...]:
        """Return what was learned by the begin of a day; the prior when the guard does not trust it."""
        recent = sum(day - taught <= GUARD_DAYS for taught in self._taught_on.values())
        if recent < GUARD_HOURS:
            return self.prior
        count, products = len(self.prior), iter(self._products)
        matrix = [[0.0] * count for _ in range(count)]
        for i, j in combinations_with_replacement(range(count), 2):
            matrix[i][j] = matrix[j][i] = next(products)
        rest = [change - sum(map(mul, row, self.prior)) for change, row in zip(self._changes, matrix, strict=True)]
        for i in range(count):
            matrix[i][i] += matrix[i][i] * PRIOR_ROWS / max(1.0, self.rows) + _TINY
        learned = _solve(matrix, rest)
        return tuple(known + more for known, more in zip(self.prior, learned, strict=True))


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve for a symmetric positive matrix, by Gauss without exchanging rows."""
    count = len(right)
    for i in range(count):
        pivot = matrix[i]
        for k in range(i + 1, count):
            factor = matrix[k][i] / pivot[i]
            if factor:
                matrix[k] = [a - factor * b for a, b in zip(matrix[k], pivot, strict=True)]
                right[k] -= factor * right[i]
    found = [0.0] * count
    for i in reversed(range(count)):
        done = sum(map(mul, matrix[i][i + 1 :], found[i + 1 :]))
        found[i] = (right[i] - done) / matrix[i][i]
    return found
