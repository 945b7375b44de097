"""Write the OpenAPI document to a file: ``python -m airflow_provider_hypercarbon.plugin.openapi openapi.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow_provider_hypercarbon.plugin.app import create_app


def main(path: str) -> None:
    """Write the document, as the server answers it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(create_app().openapi(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
