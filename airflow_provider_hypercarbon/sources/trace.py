"""Intensities from files of your own: CSV or Parquet, on a disk or wherever fsspec reaches."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.trace import read_trace
from airflow_provider_hypercarbon.carbon.zones import Zone, zone_key
from airflow_provider_hypercarbon.exceptions import (
    BadDataError,
    ConfigurationError,
    NoDataError,
    UnavailableError,
)
from airflow_provider_hypercarbon.sources.answers import forecast_series, measured_series, newest_of
from airflow_provider_hypercarbon.sources.rows import Question, read_slots

#: A year of five-minute values is under 4 MiB.
MAX_BYTES = 64 * 1024 * 1024


class TraceSource:
    """Measured values and issued forecasts in the files that ``hypercarbon backtest`` reads, one file a zone.

    A measured file has the columns ``datetime_utc,ci_g_per_kwh``, a forecast file ``issue_utc,h0,h1,...``; whoever
    writes them keeps them up to date. Parquet needs the extra ``parquet``, an address such as ``s3://`` the extra
    ``remote`` and the file system's own package. A line that cannot be read refuses the file, with its number.

    :param path: where measured values are; ``{zone}`` stands for the zone key.
    :param forecast_path: where issued forecasts are, likewise; None when there are none.
    :param signal: what the values count.
    :param storage_options: for fsspec, such as a key and an endpoint.
    """

    name = "trace"

    def __init__(
        self,
        path: str,
        *,
        forecast_path: str | None = None,
        signal: Signal | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        for given in (path, forecast_path or path):
            if "{zone}" not in given:
                raise ConfigurationError(
                    f"The path {given!r} of a trace does not say its zone. Write {{zone}} where the zone key stands, "
                    "such as /srv/grid/{zone}.csv."
                )
        self._path = path
        self._forecast_path = forecast_path
        self._signal = signal or Signal()
        self._options = dict(storage_options or {})
        self._read: dict[str, ReadingsLog] = {}

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest measured slot that has begun."""
        question = self._question(zone, now)
        measured = self._log(question).measured.before(question.now + timedelta(hours=1))
        return newest_of(*_slots(measured, question), question)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots that touch ``[start, end)``."""
        question = self._question(zone, now)
        wanted = (as_utc(start), as_utc(end))
        slots, length = _slots(self._log(question).measured, question)
        return measured_series(slots, length, question, wanted, within=(slots[0].start_at, wanted[1]))

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the newest issue, from the running slot to the one that holds ``until``, as far as it reaches.

        :raises NoDataError: there is none.
        """
        question = self._question(zone, now)
        issue = _newest(self._log(question).issues, question.now)
        if issue is None:
            raise NoDataError(f"There is no forecast for {question.zone} in the files of the trace.")
        slots, length = _slots(issue, question)
        return forecast_series(slots, length, question, as_utc(until), issued_at=issue.issued_at)

    def zones(self) -> tuple[Zone, ...]:
        """Return nothing: which files there are is for their keeper to know."""
        return ()

    def _question(self, zone: str, now: datetime) -> Question:
        return Question(zone_key(zone), self._signal, self.name, as_utc(now), "The trace")

    def _log(self, question: Question) -> ReadingsLog:
        """Read the files of a zone, once for this source: it is opened anew for each decision."""
        zone = question.zone
        if zone not in self._read:
            measured = self._lines(self._path.replace("{zone}", zone))
            ahead = self._lines(self._forecast_path.replace("{zone}", zone)) if self._forecast_path else []
            self._read[zone] = read_trace(zone, measured, ahead, source=self.name, signal=self._signal)
        return self._read[zone]

    def _lines(self, path: str) -> Iterable[str]:
        content = self._content(path)
        if path.endswith(".parquet"):
            return _parquet_lines(content, path)
        try:
            return (gzip.decompress(content) if path.endswith(".gz") else content).decode().splitlines()
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise BadDataError(f"{path} is no text: {error}.", problem="not_text") from error

    def _content(self, path: str) -> bytes:
        try:
            if "://" in path:
                content = self._remote(path)
            else:
                with open(path, "rb") as file:
                    content = file.read(MAX_BYTES + 1)
        except FileNotFoundError as error:
            raise NoDataError(f"There is no file {path}.") from error
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{path} cannot be read: {type(error).__name__}. It may work later.") from error
        if len(content) > MAX_BYTES:
            raise BadDataError(f"{path} has more than {MAX_BYTES} bytes.", problem="too_large")
        return content

    def _remote(self, path: str) -> bytes:
        try:
            import fsspec

            with fsspec.open(path, "rb", **self._options) as file:
                return bytes(file.read(MAX_BYTES + 1))
        except ImportError as error:
            raise ConfigurationError(
                f"{path} needs a package for its file system: {error}. "
                "Install airflow-provider-hypercarbon[remote] and, say, s3fs, gcsfs or adlfs."
            ) from error


def _slots(stretch: Stretch, question: Question) -> tuple[list[Any], timedelta]:
    return read_slots(stretch.slots(), lambda slot: slot, question, said_length=stretch.slot_length)


def _newest(issues: Iterable[IssuedForecast], now: datetime) -> IssuedForecast | None:
    return max((issue for issue in issues if issue.issued_at <= now), key=lambda i: i.issued_at, default=None)


def _parquet_lines(content: bytes, path: str) -> list[str]:
    """Return a table as the lines of a CSV file, so that both are read, and refused, by the same rules."""
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError as error:
        raise ConfigurationError(
            f"{path} is a Parquet file. Install airflow-provider-hypercarbon[parquet] to read it."
        ) from error
    try:
        table = parquet.read_table(pa.BufferReader(content))
        columns = [
            column.cast(pa.string()) if pa.types.is_timestamp(column.type) else column for column in table.columns
        ]
        out = pa.BufferOutputStream()
        options = csv.WriteOptions(quoting_style="none")
        csv.write_csv(pa.table(columns, names=table.column_names), out, options)
    except (pa.ArrowException, OSError) as error:
        raise BadDataError(f"{path} is no Parquet table that can be read: {error}.", problem="not_text") from error
    return [line.replace('"', "") for line in out.getvalue().to_pybytes().decode().splitlines()]
