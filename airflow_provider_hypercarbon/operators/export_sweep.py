"""Cancel the exports whose task has ended while nobody could cancel them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.task_failure import task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook


class ExportSweepOperator(BaseOperator):
    """
    Cancel a daemon's exports whose task a user has ended while no process was there to cancel them.

    Put it into a DAG of its own that runs every few minutes. Waiting triggers and every new export sweep as well;
    this one sweeps when there are none. It touches only jobs that tasks of this Airflow have submitted and whose task
    instance has ended; jobs of a task that runs, waits, is queued or was cleared stay, and so does every job of
    another Airflow, whatever its DAGs are called.

    The XCom tells how many jobs were ``active``, and of those ``cancelled`` the job, the VM and the task.

    :param hypersdk_conn_id: Airflow connection of type ``hypersdk``. (templated)
    """

    template_fields: Sequence[str] = ("hypersdk_conn_id",)
    ui_color = "#e8d3b9"

    def __init__(self, *, hypersdk_conn_id: str = "hypersdk_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hypersdk_conn_id = hypersdk_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_hypercarbon.hooks.task_ends import AirflowTasks
        from airflow_provider_hypercarbon.hypersdk.sweep import sweep

        try:
            client = self.hook.get_conn()
            active = client.active_jobs()
            cancelled = sweep(client, active, AirflowTasks(), self.log)
        except HyperCarbonError as error:
            raise task_failure(error) from error
        self.log.info("%s works on %d exports; %d were cancelled.", client.name, len(active), len(cancelled))
        return {
            "active": len(active),
            "cancelled": [{"job_id": job.id, "vm_path": job.vm_path, "task": job.owner} for job in cancelled],
        }

    @property
    def hook(self) -> HyperSDKHook:
        from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook

        return HyperSDKHook(self.hypersdk_conn_id)
