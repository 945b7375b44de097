"""Airflow provider that runs backups when the electricity grid is clean and records what they emitted."""

__version__ = "0.1.0"
