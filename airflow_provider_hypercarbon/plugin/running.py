"""What goes on in Airflow now: sensors that hold a job, and exports that run, out of Airflow's own tables."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from typing import Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields as Rendered
from airflow.models.task_state_store import TaskStateStoreModel as Stored
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import State
from sqlalchemy import ColumnElement, Row, and_, func, select

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.policy import StartWindow
from airflow_provider_hypercarbon.plugin.schemas.runs import WaitRow

log = logging.getLogger(__name__)

#: Keys under which the sensor and the export keep their memory in Airflow's task state store.
WAIT_KEY, EXPORT_KEY = "hypercarbon_wait", "hypercarbon_export"
MOST_WAITS, MOST_EXPORTS = 500, 200
_UNFINISHED = [state for state in State.unfinished if state is not None]


def waits_in_progress(dag_ids: Collection[str] | None, **of: object) -> list[WaitRow]:
    """Return the waits that have begun and not ended, by next start; of more than 500, those that looked last.

    :param dag_ids: only of these DAGs; None for all.
    :param of: only of this ``run_id``, ``task_id``, ``map_index``.
    """
    rows = [row for row in map(_wait, _unfinished(WAIT_KEY, dag_ids, MOST_WAITS, of)) if row is not None]
    return sorted(rows, key=lambda row: (row.decision.start_at if row.decision else row.deadline, row.dag_id))


def waits_in_all(read: int, dag_ids: Collection[str] | None) -> int:
    """Return how many waits there are, when so many were read: more, when there are too many to read all."""
    return _in_all(WAIT_KEY, read, MOST_WAITS, dag_ids)


def exports_in_all(read: int, dag_ids: Collection[str] | None) -> int:
    """Return how many exports run, when so many were read."""
    return _in_all(EXPORT_KEY, read, MOST_EXPORTS, dag_ids)


def _in_all(key: str, read: int, most: int, dag_ids: Collection[str] | None) -> int:
    if read < most // 2:  # some rows are read and left out, never that many
        return read
    query = select(func.count()).select_from(Stored).join(TaskInstance, and_(*_same_task(TaskInstance)))
    with create_session() as session:
        found = session.scalar(query.where(*_is_unfinished(key, dag_ids))) or 0
    return found if found > most else read


def exports_in_progress(dag_ids: Collection[str] | None) -> list[Row[Any]]:
    """Return the task instances with a job at the daemon that have not ended: state store row, state, arguments."""
    return _unfinished(EXPORT_KEY, dag_ids, MOST_EXPORTS)


def stored_value(stored: Stored) -> Any:
    """Return what a task kept; None when it cannot be read."""
    try:
        found = json.loads(stored.value)
        return json.loads(found) if isinstance(found, str) else found
    except ValueError:
        return None


def _unfinished(
    key: str, dag_ids: Collection[str] | None, most: int, of: Mapping[str, object] | None = None
) -> list[Row[Any]]:
    query = (
        select(Stored, TaskInstance.state, Rendered.rendered_fields)
        .join(TaskInstance, and_(*_same_task(TaskInstance)))
        .join(Rendered, and_(*_same_task(Rendered)), isouter=True)
        .where(
            *_is_unfinished(key, dag_ids),
            *(getattr(TaskInstance, name) == value for name, value in (of or {}).items()),
        )
        .order_by(Stored.updated_at.desc())
        .limit(most)
    )
    with create_session() as session:
        return list(session.execute(query))


def _same_task(table: type[TaskInstance | Rendered]) -> list[ColumnElement[bool]]:
    names = ("dag_id", "run_id", "task_id", "map_index")
    return [getattr(table, name) == getattr(Stored, name) for name in names]


def _is_unfinished(key: str, dag_ids: Collection[str] | None) -> list[ColumnElement[bool]]:
    wanted = [Stored.key == key, TaskInstance.state.in_(_UNFINISHED)]
    return wanted if dag_ids is None else [*wanted, TaskInstance.dag_id.in_(dag_ids)]


def _wait(row: Row[Any]) -> WaitRow | None:
    stored, state, fields = row
    kept = stored_value(stored)
    try:
        window = StartWindow.model_validate(kept["window"])
        last = kept.get("last_plan")
        known = {name: value for name, value in (last or {}).items() if name in StartDecision.model_fields}
        decision = StartDecision.model_validate(known) if known else None
    except (TypeError, KeyError, ValueError) as error:
        log.warning("The wait of %s in %s cannot be read: %s", stored.task_id, stored.dag_id, error)
        return None
    if decision is not None and decision.due:  # it has decided to start and only has to end
        return None
    return WaitRow(
        dag_id=stored.dag_id,
        run_id=stored.run_id,
        task_id=stored.task_id,
        map_index=stored.map_index,
        state=str(state),
        zone=decision.zone if decision else None,
        vm_paths=_vm_paths(fields),
        ready_at=window.ready_at,
        deadline=window.deadline,
        decision=decision,
    )


def _vm_paths(fields: Any) -> list[str]:
    named = fields.get("vm_path") if isinstance(fields, dict) else None
    if isinstance(named, str):
        try:
            named = json.loads(named) if named.startswith("[") else [named]
        except ValueError:
            named = [named]
    return [path for path in named or () if isinstance(path, str)]
