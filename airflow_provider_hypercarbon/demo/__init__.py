"""The main job on this machine alone: mock grid, development daemon, SQLite, and a real Airflow."""
