"""What Airflow learns about the Carbon page and its REST API; every task process imports this, so it stays tiny."""

from __future__ import annotations

from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

#: Where the API server mounts our application; the page and the API lie below it.
URL_PREFIX = "/hypercarbon"


class HyperCarbonPlugin(AirflowPlugin):
    """The application below ``/hypercarbon``, and its places in Airflow's own pages."""

    name = "hypercarbon"
    # No leading slash: the address is then right at the root and below a reverse proxy's sub-path.
    external_views = [  # noqa: RUF012  (as Airflow declares it)
        {
            "name": "Carbon",
            "href": "hypercarbon/page",
            "destination": "nav",
            "category": "browse",
            "url_route": "hypercarbon",
        },
        {
            "name": "Carbon",
            "href": "hypercarbon/page?view=dag&dag_id={DAG_ID}",
            "destination": "dag",
            "url_route": "hypercarbon_dag",
        },
        {
            "name": "Carbon",
            "href": "hypercarbon/page?view=run&dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "hypercarbon_run",
        },
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The application; only the API server asks for it, and only then FastAPI is imported."""
        from airflow_provider_hypercarbon.plugin.app import create_app

        return [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "HyperCarbon"}]
