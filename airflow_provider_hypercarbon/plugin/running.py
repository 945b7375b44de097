"""What goes on in Airflow now: sensors that hold a job, and exports that run, out of Airflow's own tables."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from typing import Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields as Rendered
from airflow.models.task_state_store import TaskStateStoreModel as Stored
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import State
from sqlalchemy import Row, and_, select

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.policy import StartWindow
from airflow_provider_hypercarbon.plugin.schemas.runs import WaitRow

log = logging.getLogger(__name__)

#: Keys under which the sensor and the export keep their memory in Airflow's task state store.
WAIT_KEY, EXPORT_KEY = "hypercarbon_wait", "hypercarbon_export"
MOST_WAITS, MOST_EXPORTS = 500, 200
_UNFINISHED = [state for state in State.unfinished if state is not None]


def waits_in_progress(dag_ids: Collection[str] | None) -> list[WaitRow]:
    """Return the waits that have begun and not ended, by next start.

    :param dag_ids: only of these DAGs; None for all.
    """
    rows = [row for row in map(_wait, _unfinished(WAIT_KEY, dag_ids, MOST_WAITS)) if row is not None]
    return sorted(rows, key=lambda row: (row.decision.start_at if row.decision else row.deadline, row.dag_id))


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


def _unfinished(key: str, dag_ids: Collection[str] | None, most: int) -> list[Row[Any]]:
    same_task = [
        getattr(TaskInstance, name) == getattr(Stored, name) for name in ("dag_id", "run_id", "task_id", "map_index")
    ]
    same_fields = [
        getattr(TaskInstance, name) == getattr(Rendered, name)
        for name in ("dag_id", "run_id", "task_id", "map_index")
    ]
    query = (
        select(Stored, TaskInstance.state, Rendered.rendered_fields)
        .join(TaskInstance, and_(*same_task))
        .join(Rendered, and_(*same_fields), isouter=True)
        .where(Stored.key == key, TaskInstance.state.in_(_UNFINISHED))
        .order_by(Stored.updated_at.desc())
        .limit(most)
    )
    if dag_ids is not None:
        query = query.where(TaskInstance.dag_id.in_(dag_ids))
    with create_session() as session:
        return list(session.execute(query))


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
