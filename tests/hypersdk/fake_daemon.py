"""What the tests of the export side share: canned daemon answers, a request, a small real development daemon."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
from airflow_provider_hypercarbon.hypersdk.devserver import DevDaemon
from airflow_provider_hypercarbon.hypersdk.models import ExportRequest, VCenter

#: A vCenter password that must not turn up anywhere but in the submit.
CANARY = "canary/p4ss@word"
#: A folder of the daemon's machine alone: no machine that runs the tests has it, or may have it, or its parent.
UNSEEN_DIR = "/no-such-export-root/exports"


def client_of(handler, **options: Any) -> HyperSDKClient:
    """A client whose daemon is a function from request to response."""
    client = HyperSDKClient("http://daemon:8080", transport=httpx.MockTransport(handler), **options)
    client._http._sleep = lambda seconds: None  # the pauses between tries are JsonHttp's own business
    return client


def answering(*answers: Any):
    """A handler that gives one answer a request: a dict is JSON, an exception is raised, a response stands."""
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    return handler


def lost(job_id: str = "job-1") -> httpx.Response:
    """The daemon's 404 for a job that it does not know."""
    return httpx.Response(404, json={"error": f"job not found: {job_id}", "timestamp": "2026-02-04T02:00:00Z"})


def job_json(**changes: Any) -> dict[str, Any]:
    """A job as the daemon tells it, password and all."""
    definition = {
        "id": "job-1",
        "name": "",
        "vm_path": "/DC0/vm/db-prod",
        "output_dir": UNSEEN_DIR,
        "vcenter": {"server": "vc", "username": "u", "password": CANARY, "insecure": True},
        "format": "ovf",
        "export_method": "govc",
        "created_at": "2026-02-04T02:00:00.1Z",
    }
    job = {
        "definition": definition | changes.pop("definition", {}),
        "status": "running",
        "progress": {"phase": "exporting", "percent_complete": 0, "bytes_downloaded": 0, "total_bytes": 0},
        "started_at": "2026-02-04T02:00:00.123456789Z",
        "updated_at": "2026-02-04T02:00:05Z",
    }
    return job | changes


def completed(**result: Any) -> dict[str, Any]:
    """A finished job, with the near-empty result of most methods."""
    empty = {"vm_name": "", "output_dir": "", "ovf_path": "", "files": None, "total_size": 0, "duration": 0}
    return job_json(
        status="completed",
        completed_at="2026-02-04T04:00:00.123456789Z",
        result=empty | {"success": True, "export_method": "govc"} | result,
    )


def export_request(**changes: Any) -> ExportRequest:
    """A request that the daemon accepts."""
    fields = {
        "id": "job-1",
        "vm_path": "/DC0/vm/db-prod",
        "output_dir": UNSEEN_DIR,
        "export_method": "govc",
        "vcenter": VCenter(server="vc", username="u", password=CANARY),
    }
    return ExportRequest(**(fields | changes))


def small_daemon(folder: Path, **options: Any) -> DevDaemon:
    """A development daemon with one VM of 1 MB."""
    vms = folder / "vms"
    vms.mkdir()
    (vms / "db-prod.img").write_bytes(b"\x01" * 300_000 + b"\x00" * 700_000)
    return DevDaemon(vms, **options)


def until_ended(client: HyperSDKClient, job_id: str, *, status: str = "") -> Any:
    """Look until the job has ended (in the given status)."""
    for _ in range(500):
        job = client.get_job(job_id)
        if job.has_ended and status in ("", job.status):
            return job
        time.sleep(0.01)
    raise AssertionError(f"{job_id} is {job.status}")


def body_of(request: httpx.Request) -> Any:
    """The JSON body of a request."""
    return json.loads(request.content)
