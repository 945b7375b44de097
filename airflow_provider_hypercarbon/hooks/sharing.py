"""How the sources of a connection share their answers with other workers, and where they log their readings."""

from __future__ import annotations

import logging
import os
import tempfile
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
    from airflow_provider_hypercarbon.report_store import ResultsDatabase
    from airflow_provider_hypercarbon.sources import CarbonSource, SourceConfig
    from airflow_provider_hypercarbon.sources.answer_store import AnswerStore
    from airflow_provider_hypercarbon.sources.recalling import Recall

log = logging.getLogger(__name__)

DEFAULT_RESULTS = "hypercarbon_results"
WAYS = ("auto", "database", "host", "off")


class Sharing:
    """What a connection says about it.

    :param conn_id: of the connection, for messages.
    :param extra: its extra fields: ``share_answers``, ``results_conn_id``, ``readings_log``, ``requests_per_minute``.
    :raises ConfigurationError: a field has a value that does not exist.
    """

    def __init__(self, conn_id: str, extra: dict[str, Any]) -> None:
        self.way = str(extra.get("share_answers") or "auto")
        self.results_conn_id = str(extra.get("results_conn_id") or DEFAULT_RESULTS)
        self.keeps_log = str(extra.get("readings_log") or "false").strip().lower() in ("true", "1", "yes")
        try:
            self.requests_per_minute = int(extra.get("requests_per_minute") or 30)
        except (TypeError, ValueError):
            self.requests_per_minute = 0
        wrong = (
            "share_answers" if self.way not in WAYS else "requests_per_minute" if self.requests_per_minute < 1 else ""
        )
        if wrong:
            raise ConfigurationError(
                f"Connection {conn_id!r} has a wrong field. {wrong}: {extra.get(wrong)!r} cannot be. "
                "See the connection reference."
            )
        #: The connection to the results database, when it was fetched and is defined.
        self.results: Connection | None = None

    @property
    def wants_results(self) -> bool:
        """Whether the results database is used at all."""
        return self.keeps_log or self.way in ("auto", "database")

    def wrap(self, source: CarbonSource, config: SourceConfig) -> CarbonSource:
        """Return the source with its answers shared."""
        from airflow_provider_hypercarbon.sources.cached import CachedSource
        from airflow_provider_hypercarbon.sources.recalling import RecallingSource

        cached = CachedSource(
            source,
            self.store,
            scope=config.scope,
            requests_per_minute=self.requests_per_minute,
            on_answer=self._log_answer if self.keeps_log else None,
        )
        return RecallingSource(cached, self._recall(source.name)) if self.keeps_log else cached

    @cached_property
    def store(self) -> AnswerStore | None:
        """Where answers are shared: the results database, else a file of this host; None for this process alone."""
        if self.way == "off":
            return None
        if self.way != "host" and self.database is not None:
            from airflow_provider_hypercarbon.report_store import DatabaseAnswers

            return DatabaseAnswers(self.database)
        if self.way == "database":
            log.warning("Answers are shared on this host alone: there is no connection %r.", self.results_conn_id)
        from airflow_provider_hypercarbon.sources.answer_store import FileAnswers

        return FileAnswers(host_file())

    @cached_property
    def database(self) -> ResultsDatabase | None:
        """The results database; None when there is none, or it cannot be opened."""
        from airflow_provider_hypercarbon.hooks.results import shared_results

        if self.results is None:
            return None
        try:
            return shared_results(self.results)
        except HyperCarbonError as error:
            log.warning("Answers are not shared by the results database: %s", error)
            return None

    def collect(self, series: IntensitySeries, *, is_forecast: bool, now: datetime) -> None:
        """Keep an answer in the log of readings, whoever asked for it.

        :raises HyperCarbonError: it cannot be kept.
        """
        from airflow_provider_hypercarbon.report_store import ReadingsStore

        if self.database is None:
            raise ConfigurationError(
                f"There is no results database {self.results_conn_id!r} to keep readings in. Define that connection, "
                "or name another in results_conn_id of the hypercarbon connection."
            )
        ReadingsStore(self.database).save(series, is_forecast=is_forecast, received_at=now)

    def _recall(self, source: str) -> Recall:
        from airflow_provider_hypercarbon.report_store import ReadingsStore

        def recall(zone: str, start: datetime, end: datetime) -> list[IntensitySeries]:
            return [] if self.database is None else ReadingsStore(self.database).measured(zone, source, start, end)

        return recall

    def _log_answer(self, question: str, series: IntensitySeries, asked_at: datetime) -> None:
        self.collect(series, is_forecast=question == "forecast", now=asked_at)


def host_file() -> Path:
    """Return the file that the processes of one user on this host share: in Airflow's home, else with the passing."""
    name = f"hypercarbon-{os.getuid()}"
    home = Path(os.environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
    folder = home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    return folder / name / "answers.db"
