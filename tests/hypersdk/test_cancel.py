from __future__ import annotations

import httpx
import pytest

from airflow_provider_hypercarbon.hypersdk.cancel import cancel_and_verify
from tests.hypersdk.fake_daemon import client_of, job_json, lost


def daemon(*statuses, refuses=False):
    """A daemon whose job has these statuses, one after each cancel."""
    left = list(statuses)

    def handler(request):
        if request.url.path == "/jobs/cancel":
            if refuses:
                return httpx.Response(200, json={"cancelled": [], "errors": {"job-1": "cannot be cancelled"}})
            return httpx.Response(200, json={"cancelled": ["job-1"]})
        status = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(status, Exception):
            raise status
        return status if isinstance(status, httpx.Response) else httpx.Response(200, json=job_json(status=status))

    return client_of(handler)


@pytest.mark.parametrize(
    ("client", "status", "words"),
    [
        (daemon("cancelled"), "cancelled", "does not stop the exporter"),
        (daemon("running", "cancelled"), "cancelled", "does not stop the exporter"),  # it was pending at first
        (daemon("running"), "running", "did not cancel"),
        (daemon("running", refuses=True), "running", "cannot be cancelled"),
        (daemon("completed", refuses=True), "completed", "had completed before"),
        (daemon("failed", refuses=True), "failed", "had ended before"),
        (daemon(lost()), None, "does not know the export"),
        (daemon(httpx.ConnectError("down")), None, "Could not cancel"),
    ],
)
def test_a_cancel_is_looked_after(client, status, words):
    """What the daemon says after it, in a sentence, and the job for whoever decides what follows."""
    job, said = cancel_and_verify(client, "job-1")
    assert words in said
    assert said.endswith(".")
    assert (job.status if job else None) == status
