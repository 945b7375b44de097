from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Signal
from airflow_provider_hypercarbon.exceptions import NoDataError, UnavailableError
from airflow_provider_hypercarbon.sources.recalling import RecallingSource
from tests.carbon.grid import HOUR, NOW, series
from tests.sources.test_planning import DOWN, Source, present

DAY = timedelta(days=1)


class Log:
    """A log that has what it is made of, cut to what is asked for."""

    def __init__(self, *logged: IntensitySeries) -> None:
        self.logged = logged
        self.asked: list[tuple[str, datetime, datetime]] = []

    def __call__(self, zone: str, start: datetime, end: datetime) -> list[IntensitySeries]:
        self.asked.append((zone, start, end))
        cut = (
            s.model_copy(update={"slots": tuple(x for x in s.slots if start <= x.start_at < end)})
            for s in self.logged
        )
        return [one for one in cut if one.slots]


def broken(zone: str, start: datetime, end: datetime) -> list[IntensitySeries]:
    raise RuntimeError("the database is away")


WEEK = series(range(100, 268), NOW - 7 * DAY)
LAST_DAY = series([400] * 24, NOW - DAY)


class TestHistory:
    def test_it_begins_in_the_log_where_the_source_ends(self):
        """A free key tells the last day; its own word counts there."""
        found = RecallingSource(Source(history=LAST_DAY), Log(WEEK)).history("DE", NOW - 7 * DAY, NOW, now=NOW)
        assert [slot.start_at for slot in found.slots] == [NOW - HOUR * back for back in range(168, 0, -1)]
        assert [slot.gco2eq_per_kwh for slot in found.slots[-25:]] == [243, *[400] * 24]

    def test_a_whole_answer_needs_no_log(self):
        """It is not even looked at."""
        log = Log(WEEK)
        assert RecallingSource(Source(history=LAST_DAY), log).history("DE", NOW - DAY, NOW, now=NOW) == LAST_DAY
        assert log.asked == []

    @pytest.mark.parametrize(
        "other", [{"signal": Signal(factors="direct")}, {"slot_length": HOUR / 2}], ids=["signal", "slots"]
    )
    def test_only_the_same_kind_of_values_is_joined(self, other: dict[str, object]):
        """Two signals in one series are none."""
        log = Log(WEEK.model_copy(update=other))
        assert RecallingSource(Source(history=LAST_DAY), log).history("DE", NOW - 7 * DAY, NOW, now=NOW) == LAST_DAY

    def test_a_run_of_last_week_is_in_the_log(self):
        """Where the source has nothing to say any more; of two signals nobody guesses."""
        start, end = NOW - 5 * DAY, NOW - 5 * DAY + 2 * HOUR
        gone = Source(history=NoDataError("Only the last day."))
        found = RecallingSource(gone, Log(WEEK)).history("DE", start, end, now=NOW)
        assert [slot.gco2eq_per_kwh for slot in found.slots] == [148, 149]
        both = Log(WEEK, WEEK.model_copy(update={"signal": Signal(factors="direct")}))
        with pytest.raises(NoDataError, match="Only the last day"):
            RecallingSource(gone, both).history("DE", start, end, now=NOW)

    def test_the_present_is_never_taken_from_the_log(self):
        """A source that is down is down."""
        with pytest.raises(UnavailableError):
            RecallingSource(Source(), Log(WEEK)).history("DE", NOW - 7 * DAY, NOW, now=NOW)

    def test_a_log_that_cannot_be_read_changes_nothing(self):
        """The source's word stands, good or bad."""
        assert (
            RecallingSource(Source(history=LAST_DAY), broken).history("DE", NOW - 7 * DAY, NOW, now=NOW) == LAST_DAY
        )
        with pytest.raises(UnavailableError):
            RecallingSource(Source(), broken).history("DE", NOW - 7 * DAY, NOW - 6 * DAY, now=NOW)


def test_everything_else_is_the_sources():
    """Name, present, forecast, zones."""
    source = Source(forecast=series([1]), latest=present(400))
    recalling = RecallingSource(source, Log())
    assert (recalling.name, recalling.zones()) == (source.name, source.zones())
    assert recalling.latest("DE", now=NOW) == present(400)
    assert recalling.forecast("DE", NOW, now=NOW) == series([1])
    assert DOWN.retryable
