"""Example DAGs; each runs on the mock source and the development daemon, and is what the documentation shows."""
