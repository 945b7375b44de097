"""Traces to replay: from CSV files, or from a source's history."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog


def traces_of(options: argparse.Namespace) -> list[ReadingsLog]:
    """Return one trace a file, or one a zone of a source's history.

    :raises ConfigurationError: files and zones do not fit together, or a file cannot be read.
    """
    from airflow_provider_hypercarbon.carbon.trace import read_trace

    if bool(options.traces) == (options.source is not None):
        raise ConfigurationError("Give CSV files, or --source to replay a source's history; one of them.")
    if options.source is not None:
        return [_history(options, zone) for zone in options.zone]
    if len(options.zone) != len(options.traces):
        raise ConfigurationError(
            f"There are {len(options.traces)} traces and {len(options.zone)} zones. Name one zone a trace, in the "
            "same order, as in: backtest de.csv fr.csv --zone DE,FR"
        )
    forecasts = options.forecasts or []
    if forecasts and len(forecasts) != len(options.traces):
        raise ConfigurationError("Give --forecasts once for each trace, in the same order, or not at all.")
    return [
        read_trace(zone, _lines(path), _lines(forecasts[index]) if forecasts else [])
        for index, (zone, path) in enumerate(zip(options.zone, options.traces, strict=True))
    ]


def _lines(path: Path) -> list[str]:
    import gzip

    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error


def _history(options: argparse.Namespace, zone: str) -> ReadingsLog:
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog, Stretch
    from airflow_provider_hypercarbon.commands.grid import named_source

    now = datetime.now(UTC)
    source = named_source(options.source, path=options.path)
    series = source.history(zone, now - timedelta(days=options.days), now, now=now)
    if series.static:
        raise ConfigurationError(f"{series.source} has yearly averages: every hour is as good as another.")
    return ReadingsLog(zone=series.zone, source=series.source, signal=series.signal, measured=Stretch.of(series))
