from __future__ import annotations

import subprocess
import sys


class TestImport:
    def test_the_plugin_costs_a_task_nothing(self):
        """Every task process imports the plugin: FastAPI and the API server stay outside."""
        code = (
            "import airflow.sdk.plugins_manager, sys; before = set(sys.modules);"
            "import airflow_provider_hypercarbon.plugin as p; p.HyperCarbonPlugin();"
            "print(sorted(set(sys.modules) - before))"
        )
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert "airflow_provider_hypercarbon.plugin" in loaded
        assert not any(name in loaded for name in ("fastapi", "httpx", "sqlalchemy", "plugin.app"))
