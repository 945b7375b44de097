from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.conftest import POSTGRES
from tests.chaos.deployment import Deployment
from tests.chaos.plan import draw
from tests.chaos.storm import Storm
from tests.chaos.survival import cancelled_unasked, faults, kills_table, survival_table, tries_table

#: The short version by default; HYPERCARBON_CHAOS_KILLS=200 is the whole.
KILLS = int(os.environ.get("HYPERCARBON_CHAOS_KILLS", "8"))
SEED = int(os.environ.get("HYPERCARBON_CHAOS_SEED", "20260203"))


@pytest.mark.chaos
def test_an_export_survives_whatever_dies(executor: str):
    """One finished export a run by the daemon's log; none green without its file, none red with one; no orphan."""
    # However it is ended, nothing that was started here stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = Path(tempfile.mkdtemp(prefix="hypercarbon-chaos-"))
    home.chmod(0o755)
    deployment = Deployment(home, executor, POSTGRES)
    storm = Storm(deployment, draw(SEED, KILLS, executor), say=lambda line: print(line, flush=True))
    began = time.monotonic()
    print(f"\n{executor}, seed {SEED}, {KILLS} kills. Files: {home}", flush=True)
    unrest = ""
    try:
        deployment.start()
        try:
            storm.rage()
        except TimeoutError as error:
            unrest = str(error)
        storm.gather()
    finally:
        deployment.stop()
    print(survival_table(storm.struck, storm.exports))
    print(f"{len(storm.exports)} exports in {time.monotonic() - began:.0f} s. {tries_table(storm.exports)}.")
    print(f"Cancelled although no user asked: {cancelled_unasked(storm.exports)} jobs.")
    print(kills_table(storm.exports))
    print(f"Swept up: {deployment.swept_by() or 'no'} jobs.")
    print(f"Ended by themselves: {deployment.components.ended_by_themselves or 'nothing'}.")
    found = {
        f"{export.vm} ({export.run_id}, {export.dag_id})": wrong
        for export in storm.exports
        if (wrong := faults(export))
    }
    print(dict(Counter(wrong for each in found.values() for wrong in each)), flush=True)
    assert (found, unrest) == ({}, "")
    shutil.rmtree(home, ignore_errors=True)
