"""What people write as arguments; what cannot be read is a sentence that says what can."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.exceptions import ConfigurationError

_SIZE = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>[MGTP]i?B)?", re.IGNORECASE)
#: GB, 10^9 bytes.
_GIGABYTES = {"MB": 1e-3, "GB": 1.0, "TB": 1e3, "PB": 1e6, "MIB": 2**20 / 1e9, "GIB": 2**30 / 1e9, "TIB": 2**40 / 1e9}
#: As in the REST API: a larger size is a number of bytes by mistake.
_MOST_GIGABYTES = 1e6
_LONGEST_LOOK = timedelta(hours=168)


def span(text: str) -> timedelta:
    """Read ``2h``."""
    try:
        return parse_span(text)
    except ValueError as error:
        # argparse keeps the words of this kind of error alone.
        raise argparse.ArgumentTypeError(str(error)) from None


def hours(text: str) -> float:
    """Read ``24`` or ``24h`` as hours to look ahead."""
    found = span(f"{text}h" if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text) else text)
    if not timedelta(0) < found <= _LONGEST_LOOK:
        raise argparse.ArgumentTypeError(f"{text!r} is not between zero and {_LONGEST_LOOK.days} days.")
    return found / timedelta(hours=1)


def gigabytes(text: str) -> float:
    """Read ``500``, ``500GB`` or ``1.5 TB`` as GB of 10^9 bytes."""
    found = _SIZE.fullmatch(text.strip())
    factor = _GIGABYTES.get((found["unit"] or "GB").upper()) if found else None
    if found is None or factor is None:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size. Write GB, such as 500, or "750MB", "1.5TB", "500GiB".'
        )
    size = float(found["number"]) * factor
    if not 0 < size <= _MOST_GIGABYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than zero and at most a petabyte.")
    return size


def intensity(text: str) -> float:
    """Read gCO2eq/kWh."""
    from airflow_provider_hypercarbon.carbon.intensity import MAX_PLAUSIBLE_GCO2EQ_PER_KWH as MOST

    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no intensity: a number of gCO2eq/kWh, at most {MOST:g}.")
    return found


def number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number within bounds."""

    def read(text: str) -> int:
        found = int(text) if re.fullmatch(r"\d{1,9}", text) else least - 1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}.")
        return found

    return read


def names(text: str) -> list[str]:
    """Read ``DE,FR``."""
    return [part.strip() for part in text.split(",")]


def spans(text: str) -> list[timedelta]:
    """Read ``4h,90min``."""
    return [span(part) for part in text.split(",")]


def time_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name, in capital or small letters.

    :raises ConfigurationError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found = next((known for known in available_timezones() if known.lower() == name.lower()), None)
    if found is None:
        raise ConfigurationError(f"{name!r} is no time zone. Write one such as Europe/Berlin.")
    return ZoneInfo(found)
