"""From Airflow connections to sources, clients and the results table."""
