"""How an error of ours ends an Airflow task: with a retry where that can help, without one where it cannot."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_hypercarbon.exceptions import HyperCarbonError


def task_failure(error: HyperCarbonError) -> AirflowException:
    """Return the exception to raise from a task: its sentence, and whether Airflow retries."""
    message = "\n".join([str(error), *getattr(error, "__notes__", ())])
    return failure(message, retryable=error.retryable)


def failure(message: str, *, retryable: bool) -> AirflowException:
    """Return the exception for a sentence that came from elsewhere, such as a trigger's event."""
    return (AirflowException if retryable else AirflowFailException)(message)
