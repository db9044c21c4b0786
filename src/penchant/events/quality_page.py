"""The data-quality report as a page with plots, and as a table for the terminal."""

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from penchant.events.quality import QualityReport, Spread

_GREEN = "#0b6e4f"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "penchant",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "axes.labelcolor": "#555555",
}


def render_html(report: QualityReport, title: str = "Data quality") -> str:
    """A page that holds everything that it shows; nothing is loaded from elsewhere."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(files("penchant.events").joinpath("quality.html").read_text("utf-8"))
    return template.render(
        r=report, title=title, plots=_plots(report), day=_day, spreads=_spreads(report),
        refused=_told_by_no_step(report),
    )  # fmt: skip


def quality_table(report: QualityReport) -> Table:
    """The same in a few lines, for the terminal."""
    table = Table(title="Data quality", show_header=False, box=None, padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in _facts(report):
        table.add_row(name, value)
    for name, count in report.types.items():
        table.add_row(f"type {name}", f"{count:,}")
    for name, share in report.missing.items():
        table.add_row(f"without {name}", f"{share:.1%}")
    for name, spread in _spreads(report):
        table.add_row(f"{name} (1% · median · 99%)", f"{spread.p01:g} · {spread.median:g} · {spread.p99:g}")
    for code, count in _told_by_no_step(report).items():
        table.add_row(f"refused: {code}", f"{count:,}")
    for step in report.cleaning:
        for name, count in step.counts.items():
            table.add_row(f"{step.mark}: {name}", f"{count:,}")
    return table


def _told_by_no_step(report: QualityReport) -> dict[str, int]:
    """Refusals by code that no cleaning step counts: each is shown once."""
    told = {name for step in report.cleaning for name in step.counts}
    return {code: count for code, count in report.dead_letters.items() if code not in told}


def _facts(report: QualityReport) -> list[tuple[str, str]]:
    return [
        ("events", f"{report.events:,}"),
        ("from, to", f"{_day(report.first)}, {_day(report.last)}"),
        ("people", f"{report.people:,}"),
        ("people with attributes", f"{report.described:,}"),
        ("items in events", f"{report.items:,}"),
        ("items in the catalogue", f"{report.catalogue:,}"),
        ("events on unknown items", f"{report.unknown_item_events:,}"),
        ("repeat purchases", f"{report.repeats:.1%}"),
        ("events equal to another", f"{report.doubles:,}"),
    ]


def _spreads(report: QualityReport) -> list[tuple[str, Spread]]:
    given = (("price", report.price), ("quantity", report.quantity), ("events a person", report.histories))
    return [(name, spread) for name, spread in given if spread is not None]


def _day(time: float | None) -> str:
    return "never" if time is None else datetime.fromtimestamp(time, UTC).date().isoformat()


def _plots(report: QualityReport) -> list[tuple[str, Markup]]:
    """Title and picture; numbers only, so nothing from outside gets into the SVG."""
    plots = [("Events a day", _days_plot(report.per_day))] if report.per_day else []
    histograms = (
        ("Events a person", report.history_histogram),
        ("Prices", report.price_histogram),
        ("Quantities", report.quantity_histogram),
    )
    plots += [(title, _histogram_plot(bars)) for title, bars in histograms if bars]
    return [(title, Markup(svg)) for title, svg in plots]  # noqa: S704 - drawn here


def _days_plot(per_day: Sequence[tuple[str, int]]) -> str:
    with rc_context(_STYLE):
        figure, axes = _figure(8.2, 2.4)
        days = np.array([day for day, _ in per_day], dtype="datetime64[D]")
        axes.fill_between(
            days, [count for _, count in per_day], color=_GREEN, alpha=0.75, linewidth=0, step="mid"
        )
        axes.set_ylim(0, None)
        axes.set_ylabel("events")
        return _svg(figure)


def _histogram_plot(bars: Sequence[tuple[float, int]]) -> str:
    with rc_context(_STYLE):
        figure, axes = _figure(4.0, 2.2)
        edges = [edge for edge, _ in bars]
        ratio = edges[1] / edges[0] if len(edges) > 1 else 2.0
        widths = [edge * (ratio - 1) * 0.92 for edge in edges]
        axes.bar(edges, [count for _, count in bars], widths, align="edge", color=_GREEN)
        axes.set_xscale("log")
        return _svg(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.replace("<svg ", '<svg role="img" ', 1)
