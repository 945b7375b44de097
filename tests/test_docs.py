from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_hypercarbon.get_provider_info import get_provider_info

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"])
TEXT = "\n".join(page.read_text() for page in PAGES)


class TestDocs:
    def test_generated_parts_are_current(self):
        """Code, tables and help on the pages are those of the package."""
        done = subprocess.run(
            [sys.executable, "docs/fill.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_links_lead_somewhere(self, page: Path):
        """Every relative link names a file that exists."""
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

    def test_every_part_has_its_heading(self):
        """Each task class, command, connection type and option is a heading somewhere."""
        headings = "\n".join(re.findall(r"^#+ .*$", TEXT, re.MULTILINE))
        wanted = ["CarbonIntensitySensor", "VMExportOperator", "CarbonReportOperator", "CarbonReconcileOperator"]
        wanted += ["ExportRetentionOperator", "ExportSweepOperator", "CleanestSiteOperator", "CarbonSummaryOperator"]
        wanted += [
            "vm_export_asset",
            "CarbonHook",
            "zones",
            "status",
            "backtest",
            "suggest-cron",
            "verify",
            "migrate",
        ]
        wanted += ["devserver", "demo", "report", "hypercarbon", "hypersdk"]
        wanted += list(get_provider_info()["config"]["hypercarbon"]["options"])
        assert [name for name in wanted if name not in headings] == []

    def test_every_example_is_shown(self):
        """What lies in example_dags is what the pages show."""
        for example in ROOT.glob("example_dags/[a-z]*.py"):
            assert f"<!-- include: example_dags/{example.name} " in TEXT
