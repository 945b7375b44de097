from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.plugin.page.curves import CurveView, Planned
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.schemas.grid import GridPoint

HOUR = timedelta(hours=1)
NOW = datetime(2026, 10, 24, 19, 10, tzinfo=UTC)


def point(at: datetime, value: float = 200, **more: float) -> GridPoint:
    return GridPoint(time=at, end=at + HOUR, intensity=value, quality=IntensityLevel.of(value), **more)


def view(start: datetime = NOW, hours: int = 48, **more: object) -> CurveView:
    given = {
        "clock": Clock(NOW, ZoneInfo("Europe/Berlin")),
        "measured": [],
        "ahead": [],
        "start": start,
        "end": start + hours * HOUR,
        "mark": NOW,
    }
    return CurveView(**{**given, **more})  # type: ignore[arg-type]


class TestTicks:
    def test_the_night_when_clocks_go_back(self):
        """On a day of 25 hours the ticks stand at local full hours, by instants: an hour that comes twice has two."""
        ticks = view(datetime(2026, 10, 24, 22, tzinfo=UTC), hours=4).spec()["ticks"]
        assert [label for _, label, _ in ticks] == ["Sun", "02:00", "02:00"]
        assert ticks[2][0] - ticks[1][0] == 3_600_000

    def test_two_days(self):
        """Ticks at 0, 6, 12 and 18; midnight carries the day."""
        labels = [label for _, label, _ in view().spec()["ticks"]]
        assert labels == ["Sun", "06:00", "12:00", "18:00", "Mon", "06:00", "12:00", "18:00"]

    def test_a_zone_off_the_full_hour(self):
        """In India a full hour begins at the half hour of UTC."""
        ticks = view(clock=Clock(NOW, ZoneInfo("Asia/Kolkata")), hours=24).spec()["ticks"]
        assert all(at // 60_000 % 60 == 30 for at, _, _ in ticks)


class TestSpec:
    def test_where_nothing_is_known_is_a_gap(self):
        """A hole of an hour or more, and the time behind the forecast, are drawn as unknown."""
        made = view(measured=[point(NOW)], ahead=[point(NOW + 3 * HOUR), point(NOW + 4 * HOUR)], hours=10)
        gaps = [[(at / 1000 - NOW.timestamp()) / 3600 for at in gap] for gap in made.spec()["gaps"]]
        assert gaps == [[1, 3], [5, 10]]

    def test_a_range_is_never_invented(self):
        """Without a known error a slot has no low and no high."""
        spec = view(ahead=[point(NOW), point(NOW + HOUR, low=150, high=250)]).spec()
        assert [slot[3:] for slot in spec["ahead"]] == [[None, None], [150, 250]]

    def test_the_plan_is_drawn_in(self):
        """Planned run, deadline, scheduled start; a limit only when there is one."""
        plan = Planned(NOW + 6 * HOUR, NOW + 8 * HOUR, NOW + 9 * HOUR, NOW - HOUR, None, at_deadline=False)
        spec = view(planned=plan, start=NOW - 4 * HOUR).spec()
        assert spec["plan"]["label"] == "start Sun 02:10"
        assert spec["deadline"]["label"] == "deadline Sun 05:10"
        assert (spec["plan"]["end"] - spec["plan"]["at"]) / 3_600_000 == 2
        assert "threshold" not in spec
        assert spec["scheduled"] == (NOW - HOUR).timestamp() * 1000

    def test_a_start_at_the_deadline_is_one_line(self):
        """Nothing better is in sight: start and deadline are the same, and said so."""
        plan = Planned(NOW + 6 * HOUR, NOW + 8 * HOUR, NOW + 6 * HOUR, NOW, 300.0, at_deadline=True)
        spec = view(planned=plan).spec()
        assert spec["plan"]["label"].startswith("start at deadline")
        assert "deadline" not in spec
        assert spec["threshold"] == 300


class TestWords:
    def test_the_sentence_says_what_is_drawn(self):
        """Measured, lowest and when, highest, planned start and deadline."""
        plan = Planned(NOW + 6 * HOUR, NOW + 8 * HOUR, NOW + 9 * HOUR, NOW, None, at_deadline=False)
        made = view(
            measured=[point(NOW, 474)], ahead=[point(NOW + HOUR, 300), point(NOW + 7 * HOUR, 209)], planned=plan
        )
        assert made.sentence() == (
            "Measured 21:10: 474 grams per kilowatt hour, poor. Lowest expected 209 at Sun 03:10. "
            "highest expected 300 at 22:10. Planned start Sun 02:10. Deadline Sun 05:10."
        )

    def test_the_table_has_a_row_an_hour(self):
        """Of quarter hours, the first of each hour."""
        quarters = [point(NOW.replace(minute=0) + HOUR / 4 * i) for i in range(9)]
        rows = view(measured=quarters[:4], ahead=quarters[4:]).hours()
        assert [kind for _, kind in rows] == ["measured", "forecast", "forecast"]
