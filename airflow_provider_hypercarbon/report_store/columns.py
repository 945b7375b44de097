"""What the columns of our tables are made of, the same on every database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from airflow_provider_hypercarbon.carbon.instants import as_utc

#: What Airflow allows for the ids of DAGs, runs and tasks; four bytes a character fit InnoDB's key.
ID_LENGTH = 250
#: As long as an index of InnoDB can be, together with an instant.
PATH_LENGTH = 700
HASH_LENGTH = 64
INSTANT_LENGTH = 32
# MySQL and MariaDB compare ids without regard to case unless told otherwise.
EXACT: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}
DOCUMENT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
# SQLite keeps a table in the order of an INTEGER key, and needs no other index for it.
POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: All our tables; :mod:`.schema` knows that every one is in it.
metadata = sa.MetaData()


def ident(name: str, doc: str | None = None, **more: Any) -> sa.Column[str]:
    return sa.Column(name, text(ID_LENGTH), **{"nullable": False, "doc": doc, **more})


def word(name: str, doc: str | None = None, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=nullable, doc=doc)


def instant(name: str, doc: str | None = None, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, text(INSTANT_LENGTH), nullable=nullable, doc=doc)


def number(name: str, doc: str | None = None, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable, doc=doc)


def truth(name: str, doc: str | None = None) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, doc=doc)


def whole(name: str, doc: str | None = None, **more: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, **{"nullable": False, "doc": doc, **more})


def hashed(name: str, doc: str, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(HASH_LENGTH), **{"nullable": False, "doc": doc, **more})


def text(length: int) -> sa.String:
    # PostgreSQL sorts by a language unless told otherwise, slower and differently after an upgrade of the system.
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def instant_text(when: datetime) -> str:
    """Write an instant as UTC in 32 characters, so that texts sort as times on every database."""
    return as_utc(when).isoformat(timespec="microseconds")
