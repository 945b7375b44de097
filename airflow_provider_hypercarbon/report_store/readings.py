"""The log of what was measured and of what was forecast when; the learned curve reads it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch, midnight
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.table import forecasts, instant_text, readings

#: What is older teaches nothing that the sums do not hold: 60 days of values, 40 of forecasts.
KEEP_MEASURED = timedelta(days=60)
KEEP_ISSUED = timedelta(days=40)


class ReadingsStore:
    """Reads and writes the tables ``hypercarbon_readings`` and ``hypercarbon_forecasts``.

    Values made up by the mock or for a sandbox key are kept out.

    :param database: the user's database.
    """

    def __init__(self, database: ResultsDatabase) -> None:
        self.database = database

    def save_measured(self, series: IntensitySeries) -> None:
        """Keep measured slots; a value that the provider revised replaces the earlier one."""
        for slot in () if series.synthetic else series.slots:
            row = {
                **_key(series.zone, series.source, series.signal),
                "start_at": instant_text(slot.start_at),
                "slot_seconds": round(series.slot_length.total_seconds()),
                "gco2eq_per_kwh": slot.gco2eq_per_kwh,
            }
            self.database.write(readings, row)

    def save_forecast(self, series: IntensitySeries) -> None:
        """Keep a forecast as it was received.

        :raises ValueError: nobody knows when it was issued.
        """
        if series.synthetic:
            return
        issue = IssuedForecast.received(series)
        row = {
            **_key(series.zone, series.source, series.signal),
            "issued_at": instant_text(issue.issued_at),
            "start_at": instant_text(issue.start_at),
            "slot_seconds": round(issue.slot_length.total_seconds()),
            "document": json.dumps(issue.values, allow_nan=False),
        }
        self.database.write(forecasts, row)

    def load(self, zone: str, source: str, signal: Signal, *, now: datetime) -> ReadingsLog | None:
        """Return the log of a series up to now; None when nothing was ever measured."""
        key = _key(zone, source, signal)
        since = instant_text(midnight(now - KEEP_MEASURED))
        query = sa.select(readings).where(*_is(readings, key), readings.c.start_at >= since)
        rows = self.database.read(query.where(readings.c.start_at <= instant_text(now)).order_by(readings.c.start_at))
        if not rows:
            return None
        # A series whose slot length changed is read at its newest; the learner works by the hour.
        length = rows[-1]["slot_seconds"]
        slots = tuple(
            Slot(datetime.fromisoformat(row["start_at"]), row["gco2eq_per_kwh"])
            for row in rows
            if row["slot_seconds"] == length
        )
        measured = IntensitySeries(
            zone=zone, source=source, signal=signal, slots=slots, slot_length=timedelta(seconds=length)
        )
        return ReadingsLog(
            zone=zone,
            source=source,
            signal=signal,
            measured=Stretch.of(measured),
            issues=self._issues(key, now),
        )

    def _issues(self, key: dict[str, str], now: datetime) -> tuple[IssuedForecast, ...]:
        since = instant_text(midnight(now - KEEP_ISSUED))
        query = sa.select(forecasts).where(*_is(forecasts, key), forecasts.c.issued_at >= since)
        query = query.where(forecasts.c.issued_at <= instant_text(now)).order_by(forecasts.c.issued_at)
        return tuple(
            IssuedForecast(
                issued_at=row["issued_at"],
                start_at=row["start_at"],
                slot_length=timedelta(seconds=row["slot_seconds"]),
                values=json.loads(row["document"]),
            )
            for row in self.database.read(query)
        )


def _key(zone: str, source: str, signal: Signal) -> dict[str, str]:
    return {"zone": zone, "source": source, "signal_kind": signal.kind, "signal_factors": signal.factors}


def _is(table: sa.Table, key: dict[str, str]) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
