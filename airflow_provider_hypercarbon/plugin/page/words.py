"""Numbers, spans and instants as the page writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: Narrow and not broken at a line's end: between a number and its unit, and in thousands.
THIN = "\u202f"
MINUS = "\u2212"
DASH = "\u2013"
_MINUTE = timedelta(minutes=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: As :func:`carbon.instants.clock_time` writes it.
_UTC_TIME = re.compile(rf"(?:(?P<day>{'|'.join(_WEEKDAYS)}) )?\b(?P<time>[0-2]\d:[0-5]\d(?::[0-5]\d)?) UTC\b")


class MassUnit(NamedTuple):
    """The unit and decimals of a mass; a range and a column take those of one value."""

    name: str
    per_kg: float
    decimals: int

    @classmethod
    def of(cls, kg: float | None) -> MassUnit:
        """Choose by size: below 10 g one decimal, below 1,000 g whole, then kg with two, from 10 kg with one."""
        grams = abs(kg or 0.0) * 1000
        if round(grams) < 1000:
            return cls("g", 1000.0, 1 if grams < 9.95 else 0)
        return cls("kg", 1.0, 2 if grams < 9_995 else 1)

    @classmethod
    def of_column(cls, largest: float) -> MassUnit:
        """Choose for a column: its smaller values need a decimal more."""
        unit = cls.of(largest)
        return unit if unit.name == "g" else unit._replace(decimals=2)

    def text(self, kg: float | None, *, signed: bool = False) -> str:
        """Write a mass; a dash when it is unknown."""
        if kg is None:
            return DASH
        shown = number(kg * self.per_kg, self.decimals, signed=signed)
        if kg > 0 and not signed and not any(digit in shown for digit in "123456789"):
            shown = f"<{10**-self.decimals:g}"  # small is not nothing
        return f"{shown}{THIN}{self.name}"

    def shown(self, kg: float) -> float:
        """Return the mass as it is shown, in kg: what differences of shown figures are made from."""
        return round(kg * self.per_kg, self.decimals) / self.per_kg


class Mass(NamedTuple):
    """A mass in words, with the range around it; empty where it is unknown."""

    value: str
    span: str


def mass(central: float | None, low: float | None, high: float | None, *, signed: bool = False) -> Mass:
    """Write a mass and its range in the unit of the central value, the smaller bound first."""
    unit = MassUnit.of(central)
    if central is None or low is None or high is None or low == high:
        return Mass(unit.text(central, signed=signed), "")
    first, last = (unit.text(bound, signed=signed) for bound in sorted((low, high)))
    return Mass(unit.text(central, signed=signed), "" if first == last else f"{first} to {last}")


def number(value: float, decimals: int = 0, *, signed: bool = False) -> str:
    """Write a number with a true minus, and a plus when asked to; zero has no sign."""
    text = f"{abs(value):,.{decimals}f}".replace(",", THIN)
    if not any(digit in text for digit in "123456789"):
        return text
    sign = MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{text}"


def intensity(value: float | None) -> str:
    """Write gCO2eq/kWh without the unit: whole, below 10 with one decimal."""
    return DASH if value is None else number(value, 1 if abs(value) < 9.95 else 0)


def kwh(value: float | None) -> str:
    """Write an energy without the unit: two decimals, three below 0.1."""
    if value is None:
        return DASH
    if 0 < value < 0.0005:
        return "<0.001"
    return number(value, 2 if value >= 0.0995 or value == 0 else 3)


def gigabytes(count: float) -> str:
    """Write bytes as GB of 10^9 bytes without the unit: one decimal below 100."""
    gb = count / 1e9
    return number(gb, 0 if gb >= 100 else 1 if gb >= 1 else 2)


def span(time: timedelta) -> str:
    """Write ``6 h 20 min``, ``9 d 4 h``, below two minutes ``95 s``."""
    seconds = round(abs(time.total_seconds()))
    sign = MINUS if time < timedelta(0) and seconds else ""
    if seconds < 120:
        return f"{sign}{seconds}{THIN}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    days, hours = divmod(hours, 24)
    parts = (days, "d"), (hours, "h"), (0 if days else minutes, "min")
    return sign + " ".join(f"{count}{THIN}{unit}" for count, unit in parts if count)


class Clock(NamedTuple):
    """The reader's present: what instants are written against."""

    now: datetime
    zone: ZoneInfo

    def local(self, instant: datetime) -> datetime:
        """Return an instant on the reader's clock."""
        return instant.astimezone(self.zone)

    @property
    def today(self) -> date:
        return self.local(self.now).date()

    @property
    def name(self) -> str:
        """The time zone with its abbreviation, such as ``Europe/Berlin (CET)``."""
        short = self.local(self.now).tzname() or ""
        return self.zone.key if short in ("", self.zone.key) else f"{self.zone.key} ({short})"

    def time(self, instant: datetime) -> str:
        """Write ``03:00``, with the weekday when it is not today, with the date when it is not this week."""
        local = self.local(instant)
        near = timedelta(0) < instant - self.now < 2 * _MINUTE and local.second
        clock = f"{local:%H:%M:%S}" if near else f"{local:%H:%M}"
        if local.date() == self.today:
            return clock
        if abs((local.date() - self.today).days) < 6:
            return f"{local:%a} {clock}"
        return f"{self.day(local.date())} {clock}"

    def day(self, day: date) -> str:
        """Write ``23 Nov``, with the year when it is another."""
        return f"{day.day} {day:%b}" + ("" if day.year == self.today.year else f" {day.year}")

    def full(self, instant: datetime) -> str:
        """Write ``Mon 23 Nov 2026, 20:10``."""
        local = self.local(instant)
        return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M}"

    def sentence(self, text: str, said_at: datetime) -> str:
        """Write a decision's sentence, whose times are UTC, in the reader's time zone.

        :param said_at: when it was decided; a time without a weekday is of that day in UTC, another of the days near.
        """
        day = said_at.astimezone(UTC).date()

        def local(found: re.Match[str]) -> str:
            weekday, clock = found["day"], time.fromisoformat(found["time"])
            away = (_WEEKDAYS.index(weekday) - day.weekday() + 3) % 7 - 3 if weekday else 0
            instant = self.local(datetime.combine(day + timedelta(days=away), clock, UTC))
            near = instant.date() == self.local(said_at).date()
            return ("" if near else f"{instant:%a} ") + f"{instant:{'%H:%M:%S' if clock.second else '%H:%M'}}"

        return _UTC_TIME.sub(local, text)

    def iso(self, instant: datetime) -> str:
        """Write the instant with its offset, for machines and for those who want to be sure."""
        return self.local(instant).isoformat(timespec="seconds")


#: Why a run started when it did, in the words of the ledger.
STARTED_BY = {
    "cleanest": "plan",
    "clean_enough": "plan, clean enough",
    "plan_kept": "plan",
    "no_better_start": "no better start",
    "deadline": "deadline",
    "no_data": "no data",
    "no_measured_basis": "no measured data",
    "not_carbon_aware": "not carbon-aware",
    "observed": "observed only",
}


def started_by(reason: str | None) -> str:
    """Say why a run started; a dash when nobody waited."""
    return DASH if reason is None else STARTED_BY.get(reason, reason.replace("_", " "))


def vm_name(path: str | None) -> str:
    """Return the last part of a VM's inventory path."""
    return path.rstrip("/").rpartition("/")[2] if path else DASH
