"""Answers of sources, shared by every worker and host that uses the same results database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.wait_tables import answers, turns

log = logging.getLogger(__name__)

#: Nobody asks for what was not asked for in so long.
KEEP = timedelta(days=30)
_FORGET_EVERY_SECONDS = 3600.0
#: When this process last looked for old answers in a database, in seconds since 1970.
_forgot_at: WeakKeyDictionary[ResultsDatabase, float] = WeakKeyDictionary()


class DatabaseAnswers:
    """Keeps answers in ``hypercarbon_answers``, and in ``hypercarbon_turns`` whose turn it is to ask.

    The store for installations of several hosts: it is the database that they already have.

    :param database: the user's database.
    :param clock: seconds since 1970; stands in for the time in tests. Turns are short, and a clock that is wrong by
        minutes costs a request more, or a wait that is bounded.
    """

    def __init__(self, database: ResultsDatabase, *, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self._clock = clock

    def read(self, scope: str, zone: str) -> dict[str, str]:
        """Return the documents of a zone and those of the whole scope (zone ""), by question."""
        query = sa.select(answers.c.question, answers.c.document)
        query = query.where(answers.c.scope == scope, answers.c.zone.in_([zone, ""]))
        return {row["question"]: row["document"] for row in self.database.read(query)}

    def write(self, scope: str, zone: str, question: str, document: str) -> None:
        """Keep a document in place of the one before it."""
        saved_at = datetime.fromtimestamp(self._clock(), UTC)
        key = {"scope": scope, "zone": zone, "question": question}
        self.database.write(answers, {**key, "document": document, "saved_at": instant_text(saved_at)})
        if self._clock() - _forgot_at.get(self.database, 0.0) >= _FORGET_EVERY_SECONDS:
            _forgot_at[self.database] = self._clock()
            self.forget()

    def take_turn(self, scope: str, zone: str, holder: str, seconds: float) -> bool:
        """Take the turn to ask about a zone for so long; False while another has it."""
        now = self._clock()
        mine = {"holder": holder, "held_until": now + seconds}
        free = sa.or_(turns.c.held_until < now, turns.c.holder.in_(["", holder]))
        held = sa.select(turns.c.zone).where(*_at(scope, zone), ~free)
        if self.database.read(held):  # most often; and who waits must not block the one who asks
            return False
        take = turns.update().where(*_at(scope, zone), free).values(mine)
        return self.database.change(lambda connection: _update(connection, take, scope, zone, mine))

    def end_turn(self, scope: str, zone: str, holder: str) -> None:
        """Give the turn back; does nothing when another has taken it meanwhile."""
        given = turns.update().where(*_at(scope, zone), turns.c.holder == holder).values(holder="", held_until=0.0)
        self.database.change(lambda connection: connection.execute(given))

    def spend(self, scope: str, zone: str, period: int, limit: int) -> bool:
        """Count one request against the limit of a period; False when it is used up.

        Whoever comes from the period before is counted in the present one.
        """
        this, following = str(period), str(period + 1)
        runs = turns.c.period.in_([this, following])
        counted = (
            turns.update()
            .where(*_at(scope, zone), sa.or_(~runs, turns.c.spent < limit))
            # In this order: MySQL and MariaDB see the values that were set before.
            .ordered_values(
                (turns.c.spent, sa.case((runs, turns.c.spent + 1), else_=1)),
                (turns.c.period, sa.case((turns.c.period == following, following), else_=this)),
            )
        )
        first = {"spent": 1, "period": this}
        return self.database.change(lambda connection: _update(connection, counted, scope, zone, first))

    def forget(self) -> None:
        """Delete what nobody has asked for in a month, where the login may delete; done by the way of a write."""
        is_old = answers.c.saved_at < instant_text(datetime.fromtimestamp(self._clock(), UTC) - KEEP)
        try:
            # Looked for first: InnoDB locks each row that a deletion looks at.
            if self.database.read(sa.select(answers.c.zone).where(is_old).limit(1)):
                self.database.change(lambda connection: connection.execute(answers.delete().where(is_old)))
        except ReportStoreError as error:  # what is too old is in nobody's way
            log.debug("Old answers are kept: %s", error)


def _update(
    connection: sa.Connection, statement: sa.Update, scope: str, zone: str, values: dict[str, object]
) -> bool:
    """Update a row if its conditions hold, or make it; whether that was done.

    It is looked for first: an update that finds no row locks the gap in InnoDB, and two of them never end.
    """
    if connection.execute(sa.select(turns.c.zone).where(*_at(scope, zone))).first():
        return bool(connection.execute(statement).rowcount)
    row = {"scope": scope, "zone": zone, "holder": "", "held_until": 0.0, "spent": 0, "period": "", **values}
    try:
        with connection.begin_nested():
            connection.execute(turns.insert().values(row))
    except IntegrityError:  # another was quicker
        return bool(connection.execute(statement).rowcount)
    return True


def _at(scope: str, zone: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (turns.c.scope == scope, turns.c.zone == zone)
