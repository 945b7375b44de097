"""What is struck, when and how: drawn from a seed before anything starts, so that a run can be repeated."""

from __future__ import annotations

import random
from typing import NamedTuple

#: How often each is struck, by weight. What restarts slowly is struck less, so that something lives in between.
WEIGHTS = {
    "task": 18,  # the task's own process
    "supervisor": 14,  # the process that watches it; the task's process lives on
    "triggerer": 12,  # the process that runs the triggers, or the one that watches it
    "scheduler": 10,  # alone, or with the workers of its LocalExecutor
    "api-server": 7,
    "daemon": 12,
    "postgres": 4,  # one backend, upon which the server throws out all and recovers
    "network": 18,  # between Airflow and the daemon
    "celery worker": 12,  # the main process alone, or with its pool; task processes live on
}
#: What a user does while an export runs. Of an orphan the triggerer dies in that moment.
USER_WEIGHTS = {"mark failed": 1, "clear": 1, "orphan": 1}
USER_EVERY = 6
#: However short a storm is, it makes an orphan.
ORPHAN_AFTER = 3
#: How the network between Airflow and the daemon fails.
CUTS = ("refused", "silent", "answers lost", "answers torn")


class Blow(NamedTuple):
    """One blow.

    :param pause: seconds after the blow before.
    :param down: seconds until what was struck is started again, or until the network is whole.
    :param choice: a number from 0 to 1 that chooses among several victims or ways.
    """

    kind: str
    pause: float
    down: float
    choice: float


def draw(seed: int, kills: int, executor: str) -> list[Blow]:
    """Return so many blows, and the user's doings among them."""
    dice = random.Random(f"{seed} {executor}")
    kinds = {k: w for k, w in WEIGHTS.items() if executor == "CeleryExecutor" or k != "celery worker"}
    blows: list[Blow] = []
    for number in range(1, kills + 1):
        blows.append(_one(dice, kinds))
        if number == ORPHAN_AFTER:
            blows.append(_one(dice, {"orphan": 1}))
        if number % USER_EVERY == 0:
            blows.append(_one(dice, USER_WEIGHTS))
    return blows


def _one(dice: random.Random, weights: dict[str, int]) -> Blow:
    (kind,) = dice.choices(list(weights), weights.values())
    return Blow(kind, round(dice.uniform(0.3, 7.0), 2), round(dice.uniform(0.0, 5.0), 2), dice.random())
