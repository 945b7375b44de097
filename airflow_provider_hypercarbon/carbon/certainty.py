"""How sure an expected mean is: the error that curves like ours were found to make, scaled to this grid."""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import timedelta
from operator import itemgetter

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries

_HOUR = timedelta(hours=1)
#: Root mean square error as a share of the intensity's standard deviation, by hours ahead: the forecast anchored to
#: the newest measurement, pooled median of 13 zones with CarbonCast's real day-ahead forecasts of July to December
#: 2021 (Maji et al., BuildSys '22). Measured days alone, anchored, are within .1 of it.
_LEAD_HOURS = (1, 2, 4, 8, 12, 24)
_ERROR_SHARES = (0.17, 0.25, 0.35, 0.47, 0.49, 0.63)
#: Less than a day does not show how far a grid moves.
_ENOUGH = timedelta(hours=23)


def expected_error(measured: IntensitySeries | None, ahead: timedelta) -> float | None:
    """Return the typical error in gCO2eq/kWh of a mean expected for so far ahead; None without a day of history.

    :param measured: tells how far this grid moves.
    """
    if measured is None or not measured.slots:
        return None
    if measured.slots[-1].start_at - measured.slots[0].start_at < _ENOUGH:
        return None
    values = list(map(itemgetter(1), measured.slots))
    count = len(values)
    # Not statistics.pstdev: it reckons in fractions, for milliseconds on a week of 5-minute slots.
    deviation = math.dist(values, [sum(values) / count] * count) / math.sqrt(count)
    return deviation * _share(max(0.0, ahead / _HOUR))


def error_at(known: float, lead: timedelta, ahead: timedelta) -> float:
    """Return the typical error so far ahead from the one that is known for another lead."""
    share = _share(max(0.0, lead / _HOUR))
    return known * _share(max(0.0, ahead / _HOUR)) / share if share else known


def _share(hours: float) -> float:
    """Interpolate between the leads; before the first it grows from zero, behind the last it stays."""
    leads, shares = (0, *_LEAD_HOURS), (0.0, *_ERROR_SHARES)
    if hours >= leads[-1]:
        return shares[-1]
    right = max(1, bisect_left(leads, hours))
    part = (hours - leads[right - 1]) / (leads[right] - leads[right - 1])
    return shares[right - 1] + part * (shares[right] - shares[right - 1])
