"""Builds the page's chart library into the package; an sdist carries it, so that installing needs no node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONTEND = Path("frontend")
BUNDLE = Path("airflow_provider_hypercarbon/plugin/page/static/vendor/chart-library.js")


class ChartLibraryHook(BuildHookInterface[Any]):
    """Run ``npm ci`` and esbuild when the bundle is not there, or is older than what it is made from.

    Without npm the package is built without charts: every table is there, and the page says what is missing.
    ``HYPERCARBON_REQUIRE_CHARTS=1`` makes that an error, for a release.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_data["artifacts"].append(f"/{BUNDLE.parent}/*")
        if version == "editable" or self._is_current():
            return
        npm = shutil.which("npm")
        if npm is None or not (Path(self.root) / FRONTEND).is_dir():
            self._do_without("npm is not installed")
            return
        for words in (["ci", "--ignore-scripts"], ["run", "build"]):
            done = subprocess.run([npm, *words], cwd=Path(self.root) / FRONTEND, check=False)  # noqa: S603
            if done.returncode:
                self._do_without(f"npm {words[0]} failed")
                return

    def _is_current(self) -> bool:
        bundle = Path(self.root) / BUNDLE
        sources = [path for path in (Path(self.root) / FRONTEND).glob("*") if path.is_file()]
        return bundle.is_file() and all(path.stat().st_mtime <= bundle.stat().st_mtime for path in sources)

    def _do_without(self, why: str) -> None:
        if (Path(self.root) / BUNDLE).is_file():
            return
        if os.environ.get("HYPERCARBON_REQUIRE_CHARTS"):
            raise RuntimeError(f"The page's charts cannot be built: {why}.")
        self.app.display_warning(f"The page is built without charts: {why}. Its tables are there.")
