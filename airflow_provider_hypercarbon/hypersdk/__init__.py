"""The export daemon: its shapes, a client, and a development daemon that speaks the same contract."""
