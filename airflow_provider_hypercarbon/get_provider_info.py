"""What Airflow reads about this provider; validated against Airflow's own schema by a test."""

from __future__ import annotations

from typing import Any

from airflow_provider_hypercarbon import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's connection types, modules and configuration section."""
    return {
        # Airflow refuses to start when this is not the canonical name of the distribution.
        "package-name": "airflow-provider-hypercarbon",
        "name": "HyperCarbon",
        "description": "Run VM backups when the electricity grid is clean, and record what they emitted.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["service"]}
            for name, url in (
                ("Electricity Maps", "https://www.electricitymaps.com"),
                ("HyperSDK", "https://github.com/ssahani/hypersdk"),
            )
        ],
        "connection-types": [_CARBON_CONNECTION, _HYPERSDK_CONNECTION],
        "hooks": _modules("Electricity Maps", "hooks.carbon") + _modules("HyperSDK", "hooks.hypersdk"),
        "sensors": _modules("Electricity Maps", "sensors.carbon_intensity"),
        "operators": _modules(
            "Electricity Maps",
            "operators.carbon_report",
            "operators.carbon_reconcile",
            "operators.carbon_summary",
            "operators.cleanest_site",
        )
        + _modules("HyperSDK", "operators.vm_export", "operators.export_retention", "operators.export_sweep"),
        "triggers": _modules("Electricity Maps", "triggers.carbon_intensity")
        + _modules("HyperSDK", "triggers.vm_export"),
        "extra-links": [
            f"airflow_provider_hypercarbon.links.{name}"
            for name in ("CarbonPlanLink", "ExportJobLink", "CarbonReportLink")
        ],
        "cli": ["airflow_provider_hypercarbon.airflow_cli.get_airflow_commands"],
        "config": {"hypercarbon": _CONFIG},
    }


def _modules(integration: str, *modules: str) -> list[dict[str, Any]]:
    names = [f"airflow_provider_hypercarbon.{module}" for module in modules]
    return [{"integration-name": integration, "python-modules": names}]


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _secret(label: str, description: str) -> dict[str, Any]:
    schema = {"type": ["string", "null"], "format": "password"}
    return {"label": label, "description": description, "schema": schema}


def _choice(label: str, description: str, *options: str) -> dict[str, Any]:
    """A choice; the first option is what the code takes when the field is empty."""
    schema = {"type": ["string", "null"], "enum": [*options, None], "default": options[0]}
    return {"label": label, "description": description, "schema": schema}


_CARBON_CONNECTION: dict[str, Any] = {
    "connection-type": "hypercarbon",
    "hook-class-name": "airflow_provider_hypercarbon.hooks.carbon.CarbonHook",
    "hook-name": "Carbon intensity",
    "ui-field-behaviour": {
        "hidden-fields": ["port", "schema"],
        "relabeling": {"password": "API token or password", "host": "Base URL", "login": "User (WattTime)"},
        "placeholders": {"host": "https://api.electricitymaps.com"},
    },
    "conn-fields": {
        "source": _choice(
            "Source",
            "Where intensities come from; keyless takes NESO or Energy-Charts, by zone.",
            "electricity_maps",
            "keyless",
            "neso",
            "energy_charts",
            "watttime",
            "trace",
            "ember_yearly",
            "mock",
        ),
        "sources": _text(
            "Sources",
            "Several in place of one, in the order in which they are asked: electricity_maps, energy_charts.",
        ),
        "zone": _text("Default zone", "Zone key used when a task names none, such as DE."),
        "api_version": _choice("API version", "Of Electricity Maps.", "v4", "v3"),
        "emission_factors": _choice(
            "Emission factors",
            "lifecycle counts fuel supply and construction, direct does not; operational (carbon dioxide of burning "
            "alone) is for a trace.",
            "lifecycle",
            "direct",
            "operational",
        ),
        "share_answers": _choice(
            "Share answers",
            "auto shares them by the results database where its connection is defined, else by a file on each host; "
            "off lets each process ask for itself.",
            "auto",
            "database",
            "host",
            "off",
        ),
        "results_conn_id": _text(
            "Results connection", "Of the database that shares answers and keeps readings; hypercarbon_results."
        ),
        "readings_log": {
            "label": "Log of readings",
            "description": "Keep each answer in the results database: decisions learn from it.",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "requests_per_minute": {
            "label": "Requests per minute",
            "description": "At most so many of all workers together that share answers.",
            "schema": {"type": ["integer", "null"], "minimum": 1, "default": 30},
        },
        "refuse_estimated": {
            "label": "Refuse estimates",
            "description": "Take no value that Electricity Maps marks as an estimate.",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "regions": _text("Regions of clouds", 'Your zones for them, as JSON: {"aws:eu-central-1": "DE"}.'),
        "watttime_regions": _text("WattTime's regions", 'For zone keys, as JSON: {"US-TEX-ERCO": "..."}.'),
        "watttime_password": _secret("WattTime's password", "Where the password is Electricity Maps' token."),
        "path": _text("Path of a trace", "CSV or Parquet, with {zone} in it: /srv/grid/{zone}.csv."),
        "forecast_path": _text("Path of its forecasts", "Likewise."),
        "storage_options": _secret("Storage options", "Of a trace on another machine, for fsspec, as JSON."),
        "seconds_per_day": {
            "label": "Seconds per mock day",
            "description": "Only for the mock: a day passes in this many seconds. 86400 is real time.",
            "schema": {"type": ["number", "null"], "minimum": 24, "maximum": 86400, "default": 86400},
        },
    },
}

_HYPERSDK_CONNECTION: dict[str, Any] = {
    "connection-type": "hypersdk",
    "hook-class-name": "airflow_provider_hypercarbon.hooks.hypersdk.HyperSDKHook",
    "hook-name": "HyperSDK daemon",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "extra"],
        "relabeling": {"password": "API key or token", "schema": "Scheme (http or https)"},
        "placeholders": {"host": "127.0.0.1", "port": "8080", "schema": "http"},
    },
    "conn-fields": {
        "auth": _choice("Credential", "How the password is sent.", "api_key", "bearer"),
        "verify_tls": {
            "label": "Verify TLS",
            "description": "Check the daemon's certificate when the scheme is https.",
            "schema": {"type": ["boolean", "null"], "default": True},
        },
        "ca_file": _text("CA file", "PEM file with the authority of that certificate; the machine's own when empty."),
    },
}


def _option(kind: str, default: str, description: str, example: str | None = None) -> dict[str, Any]:
    return {
        "description": description + "\n",
        "version_added": "0.1.0",
        "type": kind,
        "example": example,
        "default": default,
    }


_CONFIG: dict[str, Any] = {
    "description": "Defaults of the carbon-aware sensor and the report; every one can be set on the task.",
    "options": {
        "enabled": _option("boolean", "True", "Whether sensors wait at all. False starts every job at once."),
        "default_zone": _option("string", "US-CAL-CISO", "Zone for tasks and connections that name none.", "DE"),
        "default_max_intensity": _option(
            "float", "200", 'Limit of strategy "threshold" in gCO2eq/kWh, when the task gives none.'
        ),
        "default_max_delay": _option("string", "4h", "Longest wait of a sensor that names none.", "12h"),
        "check_interval": _option(
            "string", "15min", "How soon a waiting sensor looks again when no plan names a moment."
        ),
        "fallback_on_error": _option(
            "boolean", "True", "Without data: True starts the job, False fails the sensor, unless the task says."
        ),
        "api_carbon_conn_id": _option(
            "string", "hypercarbon_default", "Connection that the Carbon page and the REST API ask about grids."
        ),
        "api_results_conn_id": _option(
            "string", "hypercarbon_results", "Connection of the results database that they read."
        ),
        "minimum_poke_interval": _option(
            "string", "60s", "Sensors refuse a shorter poke_interval. Lower it only to try things out."
        ),
    },
}
