"""Trying things out without a vCenter: a daemon that exports real files, and the whole job on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from airflow_provider_hypercarbon.commands.arguments import number


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    devserver = commands.add_parser(
        "devserver", help="run a development daemon that exports real files, without a vCenter"
    )
    devserver.add_argument("--host", default="127.0.0.1")
    devserver.add_argument("--port", type=number(0, 65535), default=8080)
    devserver.add_argument("--vm-dir", type=Path, default=Path("dev-vms"), help="disk images; made when empty")
    devserver.add_argument("--bytes-per-second", type=float, default=200e6, help="speed of one export")
    devserver.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="run the whole job on this machine: wait, export, report")
    demo.add_argument("--keep", action="store_true", help="leave the files of the demonstration in place")
    demo.set_defaults(run=_show)


def _serve(options: argparse.Namespace) -> None:
    import logging
    import time

    from airflow_provider_hypercarbon.hypersdk.devserver import serve

    lines = logging.Formatter("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    lines.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(lines)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    serve(
        host=options.host,
        port=options.port,
        vm_dir=options.vm_dir,
        bytes_per_second=options.bytes_per_second,
    )


def _show(options: argparse.Namespace) -> int:
    from airflow_provider_hypercarbon.demo.show import show

    return show(keep=options.keep)
