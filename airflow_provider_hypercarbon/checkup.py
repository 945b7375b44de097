"""``airflow hypercarbon doctor``: versions, plugin, configuration, connections, zone and tables, through Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow import __version__ as airflow_version
from airflow import plugins_manager

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.commands.doctor import Check, basics, show
from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.report_store import CarbonReportStore


def doctor(options: argparse.Namespace) -> int:
    """Check everything through Airflow's connections."""
    return show([*basics(), *_airflow_checks(options)], as_json=options.json)


def _airflow_checks(options: argparse.Namespace) -> Iterator[Check]:
    yield Check("Airflow", airflow_version >= "3.3", airflow_version, "Use Airflow 3.3 or newer.")
    yield _plugin()
    yield from _configuration()
    hook = CarbonHook(options.carbon_conn_id)
    try:
        source = hook.get_conn()
    except HyperCarbonError as error:
        yield Check(options.carbon_conn_id, False, "cannot be used", str(error))
    else:
        yield Check(options.carbon_conn_id, True, f"asks {source.name}")
        yield from _zone(source, options.zone or hook.default_zone)
    yield _results(options.results_conn_id)
    try:
        is_well, words = HyperSDKHook(options.hypersdk_conn_id).test_connection()
    except HyperCarbonError as error:
        is_well, words = False, str(error)
    yield Check(options.hypersdk_conn_id, is_well, words if is_well else "does not answer", "" if is_well else words)


def _plugin() -> Check:
    apps, _ = plugins_manager.get_fastapi_plugins()
    found = any(app.get("url_prefix") == "/hypercarbon" for app in apps)
    advice = "Install the package where the API server runs, and restart it."
    return Check("Carbon page and REST API", found, "the plugin is loaded" if found else "no plugin", advice)


def _configuration() -> Iterator[Check]:
    options = ("default_zone", "default_max_intensity", "default_max_delay", "check_interval", "enabled")
    for option in options:
        try:
            getattr(configuration, option)()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is named
            yield Check(f"[hypercarbon] {option}", False, "cannot be read", str(error))
    if not configuration.enabled():
        advice = "Set [hypercarbon] enabled to True when sensors shall wait."
        yield Check("[hypercarbon] enabled", None, "False: every job starts at once", advice)


def _zone(source: Any, zone: str) -> Iterator[Check]:
    now = datetime.now(UTC)
    asked: dict[str, Callable[[], Any]] = {
        "present value": lambda: source.latest(zone, now=now),
        "history": lambda: source.history(zone, now - timedelta(days=1), now, now=now),
        "forecast": lambda: source.forecast(zone, now + timedelta(hours=24), now=now),
    }
    for what, ask in asked.items():
        try:
            answer = ask()
        except HyperCarbonError as error:
            # Decisions go on from measured days where a plan has no forecast.
            yield Check(f"{zone}, {what}", None if what == "forecast" else False, "is not to be had", str(error))
            continue
        words = f"{answer.gco2eq_per_kwh:.0f} gCO2eq/kWh" if what == "present value" else f"{len(answer.slots)} slots"
        made_up = f", {answer.synthetic} data: not for any report" if answer.synthetic else ""
        yield Check(f"{zone}, {what}", True, words + made_up)


def _results(conn_id: str) -> Check:
    try:
        with open_results(conn_id) as database:
            newest = CarbonReportStore(database).recent(1)
    except HyperCarbonError as error:
        return Check(conn_id, False, "cannot be used", str(error))
    words = f"last report: {newest[0].report.operation_id}" if newest else "no report yet"
    return Check(conn_id, True, f"can be read; {words}")
