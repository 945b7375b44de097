"""The log of what was measured and of what was forecast when; the learned curve reads it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch, midnight
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.wait_tables import forecasts, readings

#: What is older teaches nothing that the sums do not hold: 60 days of values, 40 of forecasts.
KEEP_MEASURED = timedelta(days=60)
KEEP_ISSUED = timedelta(days=40)
#: Of forecasts that are issued more often, one in so long is kept: one a day teaches as much as one an hour.
ISSUE_INTERVAL = timedelta(hours=3)


class ReadingsStore:
    """Reads and writes the tables ``hypercarbon_readings`` and ``hypercarbon_forecasts``.

    Values made up by the mock or for a sandbox key are kept out.

    :param database: the user's database.
    """

    def __init__(self, database: ResultsDatabase) -> None:
        self.database = database

    def save(self, series: IntensitySeries, *, is_forecast: bool, received_at: datetime) -> None:
        """Keep an answer of a source as it came; a forecast of unknown issue counts as issued when it came."""
        if not is_forecast:
            self.save_measured(series)
            return
        issued_at = series.issued_at or received_at
        if not self._has_issue_after(series, issued_at - ISSUE_INTERVAL):
            self.save_forecast(series.model_copy(update={"issued_at": issued_at}))

    def save_measured(self, series: IntensitySeries) -> None:
        """Keep measured slots; a value that the provider revised replaces the earlier one."""
        if series.synthetic or not series.slots:
            return
        key, seconds = _key(series.zone, series.source, series.signal), round(series.slot_length.total_seconds())
        self.database.write_all(
            readings,
            [
                {
                    **key,
                    "start_at": instant_text(slot.start_at),
                    "slot_seconds": seconds,
                    "gco2eq_per_kwh": slot.gco2eq_per_kwh,
                }
                for slot in series.slots
            ],
        )

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

    def measured(self, zone: str, source: str, start: datetime, end: datetime) -> list[IntensitySeries]:
        """Return what was measured of ``[start, end)``, a series for each signal and length of slot."""
        query = sa.select(readings).where(readings.c.zone == zone, readings.c.source == source)
        # The slot that runs at the begin began before it; none is longer than a day.
        query = query.where(readings.c.start_at > instant_text(start - timedelta(days=1)))
        rows = self.database.read(query.where(readings.c.start_at < instant_text(end)).order_by(readings.c.start_at))
        found: dict[tuple[str, str, int], list[Slot]] = {}
        for row in rows:
            began = datetime.fromisoformat(row["start_at"])
            if began + timedelta(seconds=row["slot_seconds"]) > start:
                series = (row["signal_kind"], row["signal_factors"], row["slot_seconds"])
                found.setdefault(series, []).append(Slot(began, row["gco2eq_per_kwh"]))
        return [
            IntensitySeries(
                zone=zone,
                source=source,
                signal=Signal.model_validate({"kind": kind, "factors": factors}),
                slots=tuple(slots),
                slot_length=timedelta(seconds=seconds),
            )
            for (kind, factors, seconds), slots in found.items()
        ]

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

    def _has_issue_after(self, series: IntensitySeries, instant: datetime) -> bool:
        newest = sa.select(sa.func.max(forecasts.c.issued_at).label("newest"))
        found = self.database.read(newest.where(*_is(forecasts, _key(series.zone, series.source, series.signal))))
        return bool(found and found[0]["newest"] and found[0]["newest"] > instant_text(instant))

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
