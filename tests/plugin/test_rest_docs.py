from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


class TestRestReference:
    def test_every_route_is_described(self):
        """The page is made from the application, and is current."""
        spec = importlib.util.spec_from_file_location("fill", DOCS / "fill.py")
        assert spec
        assert spec.loader
        fill = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(fill)
        page = (DOCS / "reference" / "rest-api.md").read_text()
        assert fill.filled(page) == page, "run python docs/fill.py"
        assert page.count("\n### ") > 10
