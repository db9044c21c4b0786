"""Pictures of an evaluation as inline SVG: drawn here, nothing fetched.

matplotlib is loaded where a picture is drawn (:func:`styled`, :func:`sheet`): a server, a learner and a
training that need none start sooner.
"""

import io
import math
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.evaluate.result import Estimate, Evaluation, Metrics
from penchant.evaluate.tables import headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0b6e4f", "#8c8c8c", "#d98e04", "#3b6fb6", "#b0413e", "#7a4fa3", "#3aa6a0", "#5b4a3f")
"""First model in the house's green; the others tell apart for colour-blind readers too, with markers."""
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "xtick.color": "#555555",
    "ytick.color": "#222222",
    "axes.labelcolor": "#555555",
}


def overall_plot(evaluation: Evaluation) -> str:
    """One bar a model with its interval, for the headline metric."""
    name = headline(evaluation)
    models = list(evaluation.models)
    with styled("overall"):
        figure, axes = _figure(8.2, 0.6 + 0.46 * len(models))
        for row, model in enumerate(models):
            found = evaluation.models[model][name]
            axes.barh(row, found.value or 0.0, color=PALETTE[0] if row == 0 else "#b9c1bd", height=0.62)
            _whisker(axes, found, row)
            edge = found.high if found.high is not None else found.value or 0.0
            axes.annotate(
                f"{found.value or 0:.4f}", (edge, row), (6, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(range(len(models)), models)
        axes.invert_yaxis()
        axes.set_xlabel(f"{name}, 95% interval")
        axes.set_xlim(0, None)
        axes.margins(x=0.12)
        return picture(figure)


def segment_plot(evaluation: Evaluation, segments: Sequence[str]) -> str:
    """A strip for each segment, each on a scale of its own; a point with interval for each model."""
    name = headline(evaluation)
    models = list(evaluation.models)
    height = 0.5 + len(segments) * (0.4 + 0.15 * len(models))
    with styled("-".join(segments)):
        figure = sheet(8.2, height)
        strips = figure.subplots(len(segments), 1, squeeze=False)[:, 0]
        for axes, segment in zip(strips, segments, strict=True):
            for i, metrics in enumerate(evaluation.segments[segment].models.values()):
                _point(axes, metrics[name], i, i)
            axes.set_yticks([])
            axes.set_ylim(len(models) - 0.4, -0.6)
            axes.set_xlim(0, max(1e-3, axes.get_xlim()[1]))
            axes.set_ylabel(
                _segment_label(evaluation, segment), rotation=0, ha="right", va="center", color="#222222"
            )
            axes.locator_params(axis="x", nbins=7)
            axes.grid(axis="x", color="#e5e8e6")
            axes.set_axisbelow(True)
        strips[-1].set_xlabel(f"{name}, 95% interval; each strip has its own scale")
        _legend(strips[0], models)
        return picture(figure)


def period_plot(evaluation: Evaluation) -> str:
    """The headline metric over time: a line a model, its interval as whiskers."""
    name = headline(evaluation)
    periods = evaluation.periods
    with styled("periods"):
        figure, axes = _figure(8.2, 3.6)
        lanes = 0.3 * _lanes(len(evaluation.models))
        for i, model in enumerate(evaluation.models):
            at = np.arange(len(periods)) + lanes[i]
            found = [period.models[model][name] for period in periods]
            color = PALETTE[i % len(PALETTE)]
            axes.plot(
                at, [_number(f.value) for f in found], color=color, lw=2.2 if i == 0 else 1.2, alpha=0.9
            )
            for x, one in zip(at, found, strict=True):
                _point(axes, one, x, i, upright=True)
        axes.set_xticks(range(len(periods)), [f"{p.label}\n{p.n.questions:,} questions" for p in periods])
        axes.set_ylabel(name)
        from_zero(axes)
        axes.grid(axis="y", color="#e5e8e6")
        _legend(axes, list(evaluation.models))
        return picture(figure)


def cutoff_plot(evaluation: Evaluation) -> str:
    """Recall against the length of the list."""
    cutoffs = [int(k) for k in str(evaluation.settings["cutoffs"]).split(",")]
    with styled("cutoffs"):
        figure, axes = _figure(8.2, 3.4)
        for i, metrics in enumerate(evaluation.models.values()):
            found = [metrics[f"recall@{k}"] for k in cutoffs]
            color = PALETTE[i % len(PALETTE)]
            axes.fill_between(
                cutoffs,
                [_number(f.low) for f in found],
                [_number(f.high) for f in found],
                color=color,
                alpha=0.15,
                lw=0,
            )
            axes.plot(cutoffs, [_number(f.value) for f in found], color=color, marker=MARKERS[i % 8], ms=5)
        axes.set_xticks(cutoffs)
        axes.set_xlabel("length of the list, k")
        axes.set_ylabel("recall@k")
        from_zero(axes)
        axes.grid(axis="y", color="#e5e8e6")
        _legend(axes, list(evaluation.models))
        return picture(figure)


def styled(salt: str) -> AbstractContextManager[None]:
    """How one picture looks; ``salt`` keeps the names inside two pictures of a page apart."""
    from matplotlib import rc_context  # noqa: PLC0415

    style: dict[Any, Any] = {**_STYLE, "svg.hashsalt": salt}
    return rc_context(style)


def sheet(width: float, height: float) -> "Figure":
    """An empty picture, in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=(width, height), layout="constrained")


def _segment_label(evaluation: Evaluation, segment: str) -> str:
    n = evaluation.segments[segment].n
    return f"{segment_name(segment)}\n{n.questions:,} questions"


def segment_name(segment: str) -> str:
    """In plain words.

    >>> segment_name("history-1-to-4"), segment_name("history-500-up"), segment_name("new-items")
    ('1 to 4 events', '500 events and more', 'new items')
    """
    words = segment.removeprefix("history-").replace("-", " ")
    if not segment.startswith("history-"):
        return words
    return f"{words.removesuffix(' up')} events" + (" and more" if words.endswith(" up") else "")


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    figure = sheet(width, height)
    return figure, figure.add_subplot()


def from_zero(axes: "Axes") -> None:
    """The upright axis begins at 0, with room above the highest mark: where all are alike there was none."""
    top = float(axes.dataLim.ymax)
    axes.set_ylim(0, 1.08 * top if 0 < top < math.inf else None)


def _lanes(models: int) -> np.ndarray:
    """Offsets within a row, one a model."""
    return np.linspace(-0.32, 0.32, models) if models > 1 else np.zeros(1)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _whisker(axes: "Axes", found: Estimate, row: float, color: str = "#333333") -> None:
    if found.low is not None and found.high is not None:
        axes.hlines(row, found.low, found.high, color=color, lw=1.4)


def _point(axes: "Axes", found: Estimate, at: float, model: int, upright: bool = False) -> None:
    color = PALETTE[model % len(PALETTE)]
    if found.value is None:
        return
    if found.low is not None and found.high is not None:
        (axes.vlines if upright else axes.hlines)(at, found.low, found.high, color=color, lw=1.4)
    x, y = (at, found.value) if upright else (found.value, at)
    axes.plot(x, y, MARKERS[model % len(MARKERS)], color=color, ms=6 if model == 0 else 4.5, zorder=3)


def _legend(axes: "Axes", models: list[str]) -> None:
    for i, model in enumerate(models):
        axes.plot([], [], MARKERS[i % len(MARKERS)], color=PALETTE[i % len(PALETTE)], label=model)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False, fontsize=9.5, handletextpad=0.2
    )


def picture(figure: "Figure") -> str:
    """The picture alone: no XML head, no date, sized by the page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(
        r'<svg ([^>]*?)width="[^"]*" ',
        r"<svg \1",
        re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1),
        count=1,
    )


def metric_names(metrics: Metrics, cutoffs: Sequence[int]) -> dict[int, list[str]]:
    """Names of the metrics at each cut-off.

    >>> metric_names({"ndcg@5": Estimate(0.1), "ndcg@10": Estimate(0.2)}, [5, 10])
    {5: ['ndcg@5'], 10: ['ndcg@10']}
    """
    return {k: [name for name in metrics if name.endswith(f"@{k}")] for k in cutoffs}
