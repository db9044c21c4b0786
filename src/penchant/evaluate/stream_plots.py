"""Pictures of a replayed stream as inline SVG: drawn here, nothing fetched."""

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.plots import MARKERS, PALETTE, from_zero, picture, sheet, styled
from penchant.evaluate.result import Estimate
from penchant.evaluate.stream_result import Kept, StreamResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SOFT = "#e5e8e6"


def over_time(found: StreamResult, metric: str) -> str:
    """A line an arm over the blocks, with intervals; checkpoints shaded, what happened as marks."""
    with styled(f"time-{metric}"):
        figure = sheet(8.2, 3.8)
        axes = figure.add_subplot()
        lanes = np.linspace(-0.22, 0.22, len(found.arms)) if len(found.arms) > 1 else np.zeros(1)
        for place, block in enumerate(found.blocks):
            if block.checkpoint:
                axes.axvspan(place - 0.5, place + 0.5, color="#f0f4f2", zorder=0)
        for i, (name, arm) in enumerate(found.arms.items()):
            _line(axes, name, [block[metric] for block in arm.blocks], i, float(lanes[i]))
        _marks(axes, found)
        axes.set_xticks(range(len(found.blocks)), [_day(block.start) for block in found.blocks])
        axes.set_xlabel("beginning of the block; shaded: arms could retrain before it")
        axes.set_ylabel(metric)
        from_zero(axes)
        axes.grid(axis="y", color=SOFT)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=6, frameon=False, fontsize=9)
        return picture(figure)


def _line(axes: "Axes", name: str, values: list[Estimate], arm: int, lane: float) -> None:
    color, marker = PALETTE[arm % len(PALETTE)], MARKERS[arm % len(MARKERS)]
    at = np.arange(len(values)) + lane
    y = np.array([_number(one.value) for one in values])
    axes.vlines(
        at, [_number(one.low) for one in values], [_number(one.high) for one in values], color=color, lw=1
    )
    asked = ~np.isnan(y)  # a line over what was not asked would look like a finding
    axes.plot(at, y, color=color, marker=marker, ms=4.5, lw=1.4 if asked.all() else 0, label=name)


def _marks(axes: "Axes", found: StreamResult) -> None:
    """Promotions, refusals and alarms on the time axis."""
    edges = [block.start for block in found.blocks] + [found.blocks[-1].end]
    for mark in found.marks:
        at = float(np.interp(mark.time, edges, np.arange(len(edges)))) - 0.5
        color = {"promotion": PALETTE[0], "refusal": PALETTE[4]}.get(mark.kind, PALETTE[2])
        axes.axvline(at, color=color, lw=0.8, ls=":")


def heat_map(found: StreamResult, arm: str) -> str:
    """The matrix of ``arm``: what each model answers on each block; the stream itself is framed.

    All arms have one scale of colours.
    """
    tables = {name: _table(one.kept) for name, one in found.arms.items() if one.kept is not None}
    values, low = tables[arm], min(float(np.nanmin(table)) for table in tables.values())
    high = max(float(np.nanmax(table)) for table in tables.values())
    count = values.shape[1]
    with styled(f"heat-{arm}"):
        figure = sheet(7.4, 1.2 + 0.36 * len(values))
        axes = figure.add_subplot()
        shown = axes.pcolormesh(values, cmap="YlGn", vmin=low, vmax=high, edgecolors="white", linewidth=0.6)
        for t, k in np.ndindex(values.shape):
            _cell(
                axes,
                float(values[t, k]),
                (k, t),
                dark=bool(values[t, k] > low + 0.6 * (high - low)),
                own=t == k,
            )
        axes.set_xticks(np.arange(count) + 0.5, [str(k + 1) for k in range(count)])
        labels = [f"block {t + 1}" for t in range(count)] + ["the end"]
        axes.set_yticks(np.arange(len(values)) + 0.5, labels)
        axes.invert_yaxis()
        axes.set_xlabel("asked on block")
        axes.set_ylabel("learned all before")
        figure.colorbar(shown, ax=axes, label="ndcg@10", shrink=0.8)
        return picture(figure)


def _table(kept: Kept) -> NDArray[np.float64]:
    return np.array([[_number(value) for value in row] for row in kept.matrix])


def _cell(axes: "Axes", value: float, place: tuple[int, int], *, dark: bool, own: bool) -> None:
    k, t = place
    style: dict[str, Any] = {"weight": "bold"} if own else {}
    color = "white" if dark else "#333333"
    axes.text(
        k + 0.5,
        t + 0.5,
        f"{value:.3f}".lstrip("0"),
        ha="center",
        va="center",
        fontsize=7.5,
        color=color,
        **style,
    )
    if own:
        axes.plot([k, k + 1, k + 1, k, k], [t, t, t + 1, t + 1, t], color="#1d2421", lw=1.1)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b\n%Y")


def _number(value: float | None) -> float:
    return math.nan if value is None else value
