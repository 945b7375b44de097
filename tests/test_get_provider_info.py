from __future__ import annotations

import importlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.get_provider_info import get_provider_info
from airflow_provider_hypercarbon.sources import SourceConfig

SCHEMAS = Path(airflow.__file__).parent
INFO = get_provider_info()


def schema(name: str) -> dict[str, Any]:
    return dict(json.loads((SCHEMAS / name).read_text()))


class TestProviderInfo:
    def test_it_is_what_airflow_accepts(self):
        """A mistake here would stop every Airflow command of the user."""
        jsonschema.validate(INFO, schema("provider_info.schema.json"))

    def test_connection_types_pass_the_stricter_schema(self):
        """The form fields are checked by the schema that providers are built with."""
        strict = schema("provider.yaml.schema.json")
        connections = strict["properties"]["connection-types"]
        jsonschema.validate(INFO["connection-types"], {**connections, "definitions": strict.get("definitions", {})})

    def test_the_package_name_is_the_distribution(self):
        """Airflow compares it with the canonical name of the distribution, and exits when they differ."""
        distribution = importlib.metadata.distribution("airflow-provider-hypercarbon")
        assert INFO["package-name"] == distribution.metadata["Name"]
        assert distribution.version == __version__
        (entry,) = distribution.entry_points.select(group="apache_airflow_provider")
        assert entry.load()() == INFO

    @pytest.mark.parametrize("kind", ["hooks", "sensors", "operators", "triggers"])
    def test_every_named_module_exists(self, kind: str):
        """Airflow lists these modules; each can be imported."""
        for group in INFO[kind]:
            for module in group["python-modules"]:
                importlib.import_module(module)

    def test_every_hook_class_says_the_same_type(self):
        """Connection type, class attribute and id argument agree."""
        for connection in INFO["connection-types"]:
            module, _, name = connection["hook-class-name"].rpartition(".")
            hook = getattr(importlib.import_module(module), name)
            assert hook.conn_type == connection["connection-type"]
            assert hook.hook_name == connection["hook-name"]
            assert getattr(hook("some_id"), hook.conn_name_attr) == "some_id"

    def test_the_form_offers_what_the_code_reads(self):
        """Every form field is read from the extra, with the same default."""
        fields = INFO["connection-types"][0]["conn-fields"]
        config = SourceConfig(source="mock")
        of_the_hook = {"zone", "share_answers", "results_conn_id", "readings_log", "requests_per_minute"}
        assert set(fields) - of_the_hook <= set(SourceConfig.model_fields)
        for name in ("api_version", "emission_factors", "seconds_per_day"):
            assert fields[name]["schema"]["default"] == getattr(config, name)

    @pytest.mark.airflow
    @pytest.mark.usefixtures("airflow_db")
    def test_airflow_shows_the_forms_without_importing_a_hook(self):
        """The connection form of the UI is made from the metadata alone."""
        from airflow.providers_manager import ProvidersManager

        shown = {meta.connection_type for meta in ProvidersManager().iter_connection_type_hook_ui_metadata()}
        assert {"hypercarbon", "hypersdk"} <= shown
