"""The Carbon page, rendered here: its tables need no script; scripts add charts, countdowns and refreshing."""

from airflow_provider_hypercarbon.plugin.page.routes import router

__all__ = ["router"]
