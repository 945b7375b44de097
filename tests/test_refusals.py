from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "airflow_provider_hypercarbon"
#: The rooms of the export.
FILES = sorted(
    [
        *(path for path in PACKAGE.glob("hypersdk/*.py") if not path.name.startswith("dev_")),
        *PACKAGE.glob("operators/export_*.py"),
        *(PACKAGE / name for name in ("operators/vm_export.py", "triggers/vm_export.py", "hooks/hypersdk.py")),
    ]
)
#: How a sentence says what to do, or that there is nothing to do.
WHAT_TO_DO = re.compile(
    r"\b(A retry|Check|Choose|Clear|Define|Export again|Free|Give|It can be|It may work later|It needs|Keep|Let|Look|"
    r"Mount|Name|Put|Run|Start|such as|There is nothing|set [a-z_]+ to|Two Airflow)\b"
)


def refusals() -> Iterator[tuple[str, str]]:
    """Every message that is given to an error of ours, with the values left out."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            if node.func.id.endswith("Error") and node.func.id not in ("BadBodyError", "AirflowRuntimeError"):
                yield f"{path.name}:{node.lineno}", words_of(node.args[0])


def words_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(words_of(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


REFUSALS = [(place, words) for place, words in refusals() if words]


def test_there_are_refusals_to_look_at():
    """The search finds them."""
    assert len(REFUSALS) > 30


@pytest.mark.parametrize(("place", "words"), REFUSALS, ids=[place for place, _ in REFUSALS])
def test_a_refusal_says_what_to_do(place, words):
    """A person reads it at night: what happened, to what, and what to do now."""
    assert words.endswith((".", "…")), words
    # The daemon's own words, where they are the reason, speak for themselves.
    assert WHAT_TO_DO.search(words) or words.endswith("…"), words
