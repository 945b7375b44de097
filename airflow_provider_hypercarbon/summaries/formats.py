"""A summary as a file: JSON, CSV and Parquet for machines, HTML and PDF for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from airflow_provider_hypercarbon.carbon.summary import FIGURES, Summary, SummaryRow
from airflow_provider_hypercarbon.exceptions import ConfigurationError

TIERS = ("measured", "instance", "default", "comparison", "unknown")
#: What a spreadsheet would take for a formula when a name begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(summary: Summary, kind: str) -> bytes:
    """Return a summary as the content of a file.

    :param kind: one of ``KINDS``.
    :raises ConfigurationError: another kind, or the extra that it needs is not installed.
    """
    if kind not in _RENDERERS:
        raise ConfigurationError(f"A summary cannot be written as {kind!r}. Choose among {', '.join(KINDS)}.")
    return _RENDERERS[kind](summary)


def kind_of(path: str) -> str:
    """Return what a file is by the end of its name.

    :raises ConfigurationError: it ends in something else.
    """
    kind = path.rpartition(".")[2].lower()
    if "." not in path or kind not in KINDS:
        raise ConfigurationError(f"{path!r} must end in {', '.join(f'.{known}' for known in KINDS)}.")
    return kind


def flat_row(summary: Summary, row: SummaryRow) -> dict[str, Any]:
    """Return a row as one level of columns, the same for every summary of the same groups."""
    return {
        "since": summary.since.isoformat() if summary.since else None,
        "until": summary.until.isoformat() if summary.until else None,
        **{name: row.group[name] for name in summary.by},
        "signal": row.signal,
        "operations": row.operations,
        **{name: value for figure in FIGURES for name, value in _figure(row, figure)},
        "mean_gco2eq_per_kwh": row.mean_gco2eq_per_kwh,
        "gco2eq_per_gb": row.gco2eq_per_gb,
        "gco2eq_per_gb_low": row.gco2eq_per_gb_low,
        "gco2eq_per_gb_high": row.gco2eq_per_gb_high,
        "sci_gco2eq_per_gb": row.sci_gco2eq_per_gb,
        **{f"operations_{tier}": row.operations_by_tier.get(tier, 0) for tier in TIERS},
        "operations_provisional": row.provisional,
    }


def _figure(row: SummaryRow, figure: str) -> list[tuple[str, float | int | None]]:
    value: list[tuple[str, float | int | None]] = [(figure, row.sums[figure])]
    # Bounds are known with their central value.
    return value if "_low_" in figure or "_high_" in figure else [*value, (f"{figure}_known", row.known[figure])]


def _json(summary: Summary) -> bytes:
    return json.dumps(summary.model_dump(mode="json"), indent=2, allow_nan=False).encode() + b"\n"


def _csv(summary: Summary) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(_columns(summary)), lineterminator="\r\n")
    writer.writeheader()
    for row in summary.rows:
        writer.writerow({name: _cell(value) for name, value in flat_row(summary, row).items()})
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _columns(summary: Summary) -> dict[str, type]:
    """Return the columns and their types, also when there is no row."""
    texts = {"since", "until", "signal", *summary.by}
    empty = SummaryRow(
        group=dict.fromkeys(summary.by),
        signal=None,
        operations=0,
        sums=dict.fromkeys(FIGURES),
        known=dict.fromkeys(FIGURES, 0),
        mean_gco2eq_per_kwh=None,
        gco2eq_per_gb=None,
        gco2eq_per_gb_low=None,
        gco2eq_per_gb_high=None,
        sci_gco2eq_per_gb=None,
        operations_by_tier={},
        emissions_share_by_tier={},
        provisional=0,
    )
    return {
        name: str if name in texts else int if isinstance(value, int) else float
        for name, value in flat_row(summary, empty).items()
    }


def _parquet(summary: Summary) -> bytes:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError("Parquet needs pyarrow. Install airflow-provider-hypercarbon[parquet].") from error
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind in _columns(summary).items()])
    notes = {"method": summary.method, "made_at": summary.made_at.isoformat(), "notes": "\n".join(summary.notes)}
    rows = [flat_row(summary, row) for row in summary.rows]
    target = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema.with_metadata(notes)), target)
    return target.getvalue()


def _html(summary: Summary) -> bytes:
    from airflow_provider_hypercarbon.summaries.page import page

    return page(summary).encode()


def _pdf(summary: Summary) -> bytes:
    from airflow_provider_hypercarbon.summaries.page import page

    try:
        from weasyprint import HTML
    # Without the library's own dependencies, which pip does not bring, importing it is an OSError.
    except (ImportError, OSError) as error:
        raise ConfigurationError(
            "PDF needs WeasyPrint. Install airflow-provider-hypercarbon[pdf] and the system's Pango "
            "(Debian: libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0)."
        ) from error
    made: bytes = HTML(string=page(summary), url_fetcher=_fetch_nothing).write_pdf()
    return made


def _fetch_nothing(url: str, *_: object, **__: object) -> Any:
    raise ValueError(f"A summary refers to nothing outside itself, not to {url}.")


_RENDERERS: dict[str, Callable[[Summary], bytes]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
    "html": _html,
    "pdf": _pdf,
}
KINDS = tuple(_RENDERERS)
