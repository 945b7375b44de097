"""Fill the generated parts of the documentation from the code, so that they cannot disagree.

A part stands between ``<!-- NAME ... -->`` and ``<!-- end -->``. ``python docs/fill.py`` writes them all anew;
``--check`` only says whether that would change anything.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.report import CarbonReport
from airflow_provider_hypercarbon.get_provider_info import get_provider_info
from airflow_provider_hypercarbon.hypersdk.measure import ExportResult
from airflow_provider_hypercarbon.hypersdk.protocol import Known, Move, Said, decide

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
_PART = re.compile(
    r"<!-- (?!end )(?P<name>[a-z-]+)(?P<arguments>[^>]*?) -->\n(?:(?:(?!<!-- ).)*<!-- end -->\n)?", re.DOTALL
)

REASONS = {
    StartReason.CLEAN_ENOUGH: "starts: the mean is at or under `max_intensity`",
    StartReason.CLEANEST: "starts: the planned moment, the lowest mean before the deadline",
    StartReason.NO_BETTER_START: "starts at once: no later start is worth waiting for",
    StartReason.DEADLINE: "starts: the latest start has come",
    StartReason.NO_DATA: "starts: there was nothing to decide with",
    StartReason.NO_MEASURED_BASIS: "starts at once: a yearly average, or data modelled throughout, is all there is",
    StartReason.NOT_CARBON_AWARE: "starts at once: waiting is switched off, for this run or altogether",
    StartReason.OBSERVED: "starts at once: strategy `observe`, a later start would have been chosen",
    StartReason.CLEANER_LATER: "holds: a cleaner start is planned",
    StartReason.TOO_DIRTY: "holds: nothing at or under the limit is in sight",
    StartReason.PLAN_KEPT: "starts or holds as planned before, because the source did not answer",
    StartReason.ASK_AGAIN: "holds: the source did not answer, and is asked again soon",
}


def include(arguments: str) -> str:
    """Return the code between [START name] and [END name] of a file."""
    path, name = arguments.split()
    text = (ROOT / path).read_text()
    begin, end = text.index(f"# [START {name}]\n"), text.index(f"# [END {name}]")
    imports = [
        line
        for line in text[:begin].splitlines()
        if line.startswith(("import ", "from ")) and "__future__" not in line
    ]
    code = text[begin + len(f"# [START {name}]\n") : end].rstrip()
    return "```python\n" + "\n".join(imports) + "\n\n" + code + "\n```\n"


def fields_of(model: type, own_words: dict[str, str] | None = None) -> str:
    """Return a table of a model's fields, with the words of its docstring."""
    words = {**_parameters(model.__doc__ or ""), **(own_words or {})}
    rows = ["| field | meaning |", "|---|---|"]
    for name in model.model_fields:  # type: ignore[attr-defined]
        rows.append(f"| `{name}` | {words.get(name, '')} |")
    return "\n".join(rows) + "\n"


def _parameters(docstring: str) -> dict[str, str]:
    found = re.findall(r":param (\w+):(.*?)(?=\n\s*:param |\n\n|\Z)", docstring, re.DOTALL)
    return {name: " ".join(text.replace("``", "`").split()) for name, text in found}


def connection_fields(arguments: str) -> str:
    """Return a table of a connection type's own fields."""
    kinds = {kind["connection-type"]: kind for kind in get_provider_info()["connection-types"]}
    rows = ["| field | in the extra as | values | when empty |", "|---|---|---|---|"]
    for key, field in kinds[arguments.strip()]["conn-fields"].items():
        schema = field["schema"]
        values = ", ".join(f"`{value}`" for value in schema.get("enum", []) if value is not None)
        values = (
            values
            or {"string": "text", "number": "number", "integer": "whole number", "boolean": "true, false"}[
                schema["type"][0]
            ]
        )
        rows.append(
            f"| {field['label']}: {field['description']} | `{key}` | {values} | {schema.get('default', 'none')} |"
        )
    return "\n".join(rows) + "\n"


def options(_: str) -> str:
    """Return a section for each option of the configuration."""
    parts = []
    for name, option in get_provider_info()["config"]["hypercarbon"]["options"].items():
        how = f"Default `{option['default']}`, type {option['type']}"
        variable = f"environment `AIRFLOW__HYPERCARBON__{name.upper()}`"
        parts.append(f"## {name}\n\n{option['description'].strip()}\n\n{how}, {variable}.\n")
    return "\n".join(parts)


def help_of(arguments: str) -> str:
    """Return what ``hypercarbon COMMAND --help`` prints."""
    from airflow_provider_hypercarbon.cli import main

    os.environ["COLUMNS"] = "80"  # wherever this runs
    printed = io.StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        main([*arguments.split(), "--help"])
    return f"```text\n{printed.getvalue().rstrip()}\n```\n"


def routes(_: str) -> str:
    """Return every route of the REST API with its parameters, body and answer."""
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="hypercarbon-docs-"))
    from airflow_provider_hypercarbon.plugin.app import create_app

    document = create_app().openapi()
    return "\n".join(
        _route(document, method, path, route)
        for path, methods in document["paths"].items()
        for method, route in methods.items()
    )


def _route(document: dict[str, Any], method: str, path: str, route: dict[str, Any]) -> str:
    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        return document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)

    parts = [f"### {method.upper()} {path}\n", f"{route['description']}\n"]
    if parameters := route.get("parameters"):
        rows = [
            f"| `{one['name']}` | {one['in']}{', required' * bool(one.get('required'))} "
            f"| {_cell(one.get('description', ''))} |"
            for one in parameters
        ]
        parts.append("\n".join(["| Parameter | In | |", "| --- | --- | --- |", *rows]) + "\n")
    if "requestBody" in route:
        body = resolved(route["requestBody"]["content"]["application/json"]["schema"])
        parts.append(f"```json\n{json.dumps(body['examples'][0], indent=2)}\n```\n")
    answer = route["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
    fields = resolved(answer).get("properties", {})
    if fields:
        rows = [f"| `{name}` | {_cell(field.get('description', ''))} |" for name, field in fields.items()]
        parts.append("\n".join(["| Answer | |", "| --- | --- |", *rows]) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def statements(_: str) -> str:
    """Return the SQL that makes the results table on PostgreSQL."""
    from sqlalchemy.dialects import postgresql

    from airflow_provider_hypercarbon.report_store.migrations import create_statements

    text = re.sub(r"[ \t]+\n", "\n", create_statements(postgresql.dialect()))
    return f"```sql\n{text.strip()}\n```\n"


def columns(arguments: str) -> str:
    """Return a table of the columns of a table of the results database."""
    from airflow_provider_hypercarbon.report_store.schema import metadata
    from airflow_provider_hypercarbon.report_store.sum_tables import KEPT

    rows = ["| column | type | null | meaning, unit |", "|---|---|---|---|"]
    for column in metadata.tables[arguments.strip()].columns:
        if column.server_default is not None:
            continue
        null = "yes" if column.nullable else ""
        rows.append(f"| `{column.name}` | {str(column.type).lower()} | {null} | {column.doc} |")
    for kept in KEPT:
        if kept.table.name == arguments.strip():
            names = ", ".join(f"`{name}`" for name in kept.figures)
            rows.append(f"| {names} | bigint | | sum, in billionths of the unit of the figure |")
            rows.append("| the same with `_known` behind | bigint | | how many operations know the figure |")
    return "\n".join(rows) + "\n"


def reasons(_: str) -> str:
    """Return a table of all reasons."""
    rows = [f"| `{reason}` | {REASONS[reason]} |" for reason in StartReason]
    return "\n".join(["| reason | what the sensor does |", "|---|---|", *rows]) + "\n"


def coefficients(_: str) -> str:
    """Return a table of all cited numbers."""
    from airflow_provider_hypercarbon.carbon import coefficients as cited

    rows = [
        f"Version `{cited.COEFFICIENTS_VERSION}`.",
        "",
        "| what | low | central | high | unit | source |",
        "|" + "---|" * 6,
    ]
    usual = cited.USUAL_UTILIZATION
    server = (cited.SERVER_IDLE_WATTS, cited.SERVER_FULL_WATTS, cited.SERVER_HIGHEST_WATTS)
    watts = [("server: idle, full, highest family", server, cited.SERVER_SOURCE)]
    watts += [
        (f"virtual CPU, {site}: idle, full", pair, cited.VCPU_SOURCE) for site, pair in cited.VCPU_WATTS.items()
    ]
    for name, (idle, full, *highest), source in watts:
        central = round(idle + usual * (full - idle), 9)
        most = highest[0] if highest else full
        rows.append(f"| {name}, at {usual:.0%} use | {idle:g} | {central:g} | {most:g} | W | {source} |")
    groups = {
        "memory": {"": cited.MEMORY_WATTS_PER_GB},
        "PUE": cited.PUE,
        "network": cited.NETWORK_KWH_PER_GB,
        "storage": cited.STORAGE_WH_PER_TB_HOUR,
    }
    for group, table in groups.items():
        for name, number in table.items():
            bounds = " | ".join(f"{value:g}" for value in (number.low, number.central, number.high))
            source = number.source.partition(": ")[2]
            rows.append(f"| {group}{', ' * bool(name)}{name} | {bounds} | {number.unit} | {source} |")
    spread = cited.MEASURED_RELATIVE_ERROR
    rows.append(f"| measured, where no bounds are given | {1 - spread:g} | 1 | {1 + spread:g} | | judgement |")
    return "\n".join(rows) + "\n"


WORDS = {
    Known.NOTHING: "no note yet",
    Known.INTENDED: "about to submit",
    Known.ACCEPTED: "the daemon took it",
    Known.ABANDONED: "we cancelled it, its files stay",
    Known.UNUSABLE: "it came to nothing, its files are put away",
    Known.FINISHED: "finished, the result is noted",
}
MOVES = {
    Move.SUBMIT: "submits the first job",
    Move.REPEAT: "looks at the files: whole ones are taken; any others mean that the submit had arrived, so the next "
    "attempt; with none it submits the same id again",
    Move.NEXT: "submits the next attempt: a new id, a folder of its own",
    Move.ATTACH: "follows the job",
    Move.TAKE: "verifies the files, and returns the result",
    Move.RETURN: "returns the noted result",
    Move.RECOVER: "looks at the files: whole ones are taken; else the next attempt",
    Move.WAIT: "submits nothing; a retry asks again",
    Move.REFUSE: "submits nothing, and says whose job it is",
}


def protocol_table(arguments: str) -> str:
    """Return the submit protocol: a row for what the task has noted, a column for what the daemon says."""
    cleared = arguments.strip() == "cleared"
    rows = ["| noted | " + " | ".join(said.replace("_", " ") for said in Said) + " |", "|---" * (len(Said) + 1) + "|"]
    for known in Known:
        if not (cleared and known is Known.NOTHING):
            rows.append(
                f"| {WORDS[known]} | " + " | ".join(decide(known, said, cleared=cleared) for said in Said) + " |"
            )
    return "\n".join(rows) + "\n"


def protocol_words(_: str) -> str:
    """Return what each move is."""
    return "\n".join(["| move | the try |", "|---|---|", *(f"| {move} | {MOVES[move]} |" for move in Move)]) + "\n"


PARTS: dict[str, Callable[[str], str]] = {
    "include": include,
    "decision-fields": lambda _: fields_of(StartDecision),
    "decision-reasons": reasons,
    "export-fields": lambda _: fields_of(ExportResult),
    "protocol-table": protocol_table,
    "protocol-words": protocol_words,
    "report-fields": lambda _: fields_of(CarbonReport),
    "coefficients": coefficients,
    "connection-fields": connection_fields,
    "options": options,
    "help": help_of,
    "routes": routes,
    "statements": statements,
    "columns": columns,
}


#: Importing Airflow's API server takes seconds: tests/plugin, which have it at hand, check these.
CHECKED_ELSEWHERE = ("routes",)


def filled(text: str, *, without: tuple[str, ...] = ()) -> str:
    """Return a page with its generated parts made anew, some of them left as they are."""

    def part(found: re.Match[str]) -> str:
        name, arguments = found["name"], found["arguments"].strip(" :")
        if name in without:
            return found[0]
        begin = f"<!-- {name}{found['arguments']} -->\n"
        return f"{begin}{PARTS[name](arguments)}<!-- end -->\n"

    return _PART.sub(part, text)


def main() -> int:
    """Fill every page, or check that nothing would change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for page in sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]):
        text = page.read_text()
        if (new := filled(text, without=CHECKED_ELSEWHERE if check else ())) != text:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(new)
    print(f"{'Stale' if check else 'Filled'}: {', '.join(map(str, stale)) or 'nothing'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
