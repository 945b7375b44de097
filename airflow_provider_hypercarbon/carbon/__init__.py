"""The core: what the grid is, what it will be, when to start, what a run emitted. No I/O, no clock, no Airflow."""
