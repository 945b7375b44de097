"""``airflow hypercarbon``: the same commands within Airflow, where sources and tables are its connections."""

from __future__ import annotations

import argparse
import copy
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

#: Under Airflow these ask the connection, unless a source is named.
_ASK_A_SOURCE = ("status", "estimate")


def get_airflow_commands() -> list[CLICommand]:
    """Return our command line in Airflow's terms; Airflow asks for it at each of its commands."""
    from airflow.cli.cli_config import GroupCommand

    from airflow_provider_hypercarbon.cli import parser

    (group,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help for choice in group._choices_actions}
    commands = [_command(name, helps.get(name), made) for name, made in group.choices.items()]
    return [GroupCommand(name="hypercarbon", help="Carbon-aware backups", subcommands=commands)]


def _command(name: str, words: str | None, made: argparse.ArgumentParser) -> Any:
    from airflow.cli.cli_config import ActionCommand, Arg

    args = [_arg(action) for action in made._actions if not isinstance(action, argparse._HelpAction)]
    if name in _ASK_A_SOURCE:
        args.append(Arg(("--carbon-conn-id",), default="hypercarbon_default", help="(default: hypercarbon_default)"))
    return ActionCommand(
        name=name,
        help=words or name,
        description=made.description or words,
        epilog=made.epilog,
        func=_runner(name, made.get_default("run")),
        args=tuple(args),
    )


def _arg(action: argparse.Action) -> Any:
    from airflow.cli.cli_config import Arg

    class Same(Arg):
        """An argument of ours, as it is: Airflow's own description of one knows less than argparse."""

        def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
            parser._add_action(copy.copy(action))

    return Same(tuple(action.option_strings) or (action.dest,), help=action.help)


def _runner(name: str, run: Callable[[argparse.Namespace], Any]) -> Callable[[argparse.Namespace], None]:
    def command(options: argparse.Namespace) -> None:
        from airflow_provider_hypercarbon import cli

        if name == "doctor":
            from airflow_provider_hypercarbon.checkup import doctor

            options.run = doctor
        else:
            options.run = run
            if name in _ASK_A_SOURCE and options.source is None:
                options.opened_source = lambda: _connected(options.carbon_conn_id)
        with _logs_apart():
            code = cli.run(options)
        sys.exit(code)

    return command


@contextmanager
def _logs_apart() -> Iterator[None]:
    """Let what Airflow logs go to the error stream: it logs to standard output, where our answer is to stand alone.

    Handlers that are there hold on to the stream, so what is below the stream is exchanged; loggers to come ask for
    the stream of the moment.
    """
    import structlog

    factory = structlog.get_config()["logger_factory"]

    def to_errors(*names: Any) -> Any:
        with redirect_stdout(sys.stderr):
            return factory(*names)

    try:
        ours = sys.stdout.fileno()
        sys.stdout.flush()
        kept = os.dup(ours)
    except (OSError, ValueError):  # no file behind it
        yield
        return
    before, encoding = sys.stdout, sys.stdout.encoding
    os.dup2(sys.stderr.fileno(), ours)
    with open(kept, "w", encoding=encoding, errors="replace") as answer:
        sys.stdout = answer
        structlog.configure(logger_factory=to_errors)
        try:
            yield
        finally:
            structlog.configure(logger_factory=factory)
            sys.stdout = before
            os.dup2(answer.fileno(), ours)


def _connected(conn_id: str) -> Any:
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

    return CarbonHook(conn_id).get_conn()
