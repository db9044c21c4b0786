"""docs/serving.md and its pictures from what was measured: ``python bench/serving_docs.py``.

Reads bench/results/sustained.json, serving-peers.json and ingest.json. What lies between the markers of a
part in docs/serving.md is written anew, all else stays as it is.
"""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from serving_peers import OURS, RAW, ratio, to_floor
from tables import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "serving.md"
INK, FAINT = "#222222", "#999999"
COLOURS = {"lists": "#1f5fa8", "events": "#c2571a", "event, then list": "#c2571a"}
WIDE = (8.0, 3.6)
COMMANDS = {
    "sustained": ("sustained.json", "bench/sustained.py --shop SHOP"),
    "peers": ("serving-peers.json", "bench/serving_peers.py --shop SHOP"),
    "ingest": ("ingest.json", "bench/ingest.py --shop SHOP"),
}
Found = dict[str, Any]


def _until(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < float("inf") else "not in the time measured"


def main() -> None:
    text = PAGE.read_text("utf-8")
    for part, make in {"sustained": sustained, "peers": peers, "ingest": ingest}.items():
        name, command = COMMANDS[part]
        path = RESULTS / name
        if path.exists():
            made = make(json.loads(path.read_text("utf-8")))
        else:
            made = f"Not measured yet: `python {command}`."
        text = between(text, part, made)
    PAGE.write_text(text, encoding="utf-8")


def between(text: str, part: str, made: str) -> str:
    """``text`` with ``made`` between the markers of ``part``.

    >>> between("a\\n<!-- x -->\\nold\\n<!-- /x -->\\nb\\n", "x", "new")
    'a\\n<!-- x -->\\nnew\\n<!-- /x -->\\nb\\n'
    """
    first, last = f"<!-- {part} -->\n", f"<!-- /{part} -->\n"
    if text.count(first) != 1 or text.count(last) != 1:
        raise SystemExit(f"{PAGE.name} must have {first.strip()} and {last.strip()} once each")
    head, _, rest = text.partition(first)
    return head + first + made.rstrip() + "\n" + last + rest.partition(last)[2]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table, numbers to the right.

    >>> print(markdown(["", "n"], [["a", "1"]]))
    |  | n |
    |---|---:|
    | a | 1 |
    """
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(
        "|" + "|".join(row) + "|" if n == 1 else "| " + " | ".join(row) + " |" for n, row in enumerate(lines)
    )


def sustained(found: Found) -> str:
    """Tables of the load, the overload, memory, and an event's way to a list."""
    asked, load = found["asked"], found["load"]
    head = [
        "",
        "asked a second",
        "right answers a second",
        "p50 ms",
        "p99 ms",
        "max ms",
        "429",
        "5xx",
        "failed",
    ]
    rows = [
        [f"{name}, {route}", *numbers(phase[route])]
        for name, phase in found["phases"].items()
        for route in ("lists", "events")
    ]
    latency_picture(found, DOCS / "serving-latency.svg")
    lag, flush = found["phases"]["sustained"]["lag"], found["flush_ms"]
    return f"""\
{of_shop(found)} `python {COMMANDS["sustained"][1]}{options(asked)}`, {found["machine"]["cores"]} cores.

{markdown(head, rows)}

![Latency over the run](serving-latency.svg)

{markdown(["", "measured", "at most"], bars(found))}

Alone the server took {found["saturation_per_s"]:,.0f} requests a second of the same mixture; the overload is
{asked_for(found):,.0f} a second. The load itself was late by {lag["p50_ms"]} ms (median) and
{lag["p99_ms"]} ms (p99) while the rates were steady, which is part of the latencies; it had at most
{load["connections"]:,} connections and {load["busy"]:.0%} of its core. To make 4 KiB
durable took {flush["before"]} ms before, {flush["during"]} ms during and {flush["after"]} ms after the load
(medians).
"""


def numbers(row: Found) -> list[str]:
    return [
        *(f"{row[key]:,.0f}" for key in ("asked_per_s", "per_s")),
        *(f"{row[key]:,.2f}" for key in ("p50_ms", "p99_ms", "max_ms")),
        *(f"{row[key]:,}" for key in ("refused", "server_errors", "failed")),
    ]


def bars(found: Found) -> list[list[str]]:
    """What was measured beside what was asked for."""
    steady, after, memory = found["phases"]["sustained"], found["event_then_list"], found["memory"]
    wrong = sum(steady[route][key] for route in ("lists", "events") for key in ("refused", "failed"))
    over = found["phases"]["overload"]
    return [
        ["p99 of lists, steady", f"{steady['lists']['p99_ms']:.2f} ms", "10 ms"],
        ["p99 of events, steady", f"{steady['events']['p99_ms']:.2f} ms", "10 ms"],
        ["refused or failed, steady", f"{wrong:,}", "0"],
        ["memory, percent a minute", f"{memory['slope_percent_a_minute']:.2f}", ".10"],
        ["the same, second half", f"{memory['second_half_percent_a_minute']:.2f}", "–"],
        ["5xx in the overload", f"{sum(over[r]['server_errors'] for r in ('lists', 'events')):,}", "0"],
        ["back to normal after it", _until(found["recovery"]["seconds"]), "10 s"],
        ["event, then list: p50", f"{after['p50_ms']:.2f} ms", f"{after['at_most']['p50_ms']:.2f} ms"],
        ["event, then list: p99", f"{after['p99_ms']:.2f} ms", f"{after['at_most']['p99_ms']:.2f} ms"],
        ["of these lists changed", f"{after['changed']:.2%} of {after['n']:,}", "–"],
    ]


def of_shop(found: Found) -> str:
    return f"{found['shop']['items']:,} items, {found['shop']['events']:,} events."


def options(asked: Found) -> str:
    """What was not as by default.

    >>> options({"minutes": 2.0, "no_learn": True, "lists": 300.0})
    ' --minutes 2 --no-learn'
    """
    usual = {
        "minutes": 8.0, "warm": 30.0, "overload_seconds": 20.0, "lists": 300.0, "events": 500.0, "batch": 1,
        "poisson": False, "probes": 10.0, "processes": 1, "no_learn": False,
    }  # fmt: skip
    found = ""
    for name, value in asked.items():
        if value != usual[name]:
            found += f" --{name.replace('_', '-')}" + ("" if value is True else f" {value:g}")
    return found


def asked_for(found: Found) -> float:
    return sum(found["phases"]["overload"][route]["asked_per_s"] for route in ("lists", "events"))


def peers(found: Found) -> str:
    """Answers a second on one core, and how many times as many Penchant gives."""
    head = ["", "lists a second", "p99 ms", "to it", "event, then list: answers a second", "p99 ms", "to it"]
    rows = [[name, *beside(found["rows"], name)] for name in found["rows"]]
    throughput_picture(found, DOCS / "serving-peers.svg")
    floor = found["floor"]
    out = "".join(f"\nLeft out: {peer} ({why}).\n" for peer, why in found["left_out"].items())
    return f"""\
{of_shop(found)} {found["people"]:,} people; {found["at_once"]} ask at once, for {found["seconds"]} s,
median of {found["rounds"]} rounds. `python {COMMANDS["peers"][1]}`. "To it": Penchant's answers a second
divided by that row's.

{markdown(head, rows)}
{out}
![Answers a second on one core](serving-peers.svg)

Reading the {floor["bytes"] / 2**20:.1f} MiB of item vectors once takes {floor["ms"]:.3f} ms
({floor["gib_per_s"]} GiB/s): a list takes {to_floor(found):,.0f} times as long.
"""


def beside(rows: dict[str, Found], name: str) -> list[str]:
    made = list[str]()
    for part in ("lists", "event, then list"):
        row = rows[name].get(part)
        if row is None:
            made += ["–"] * 3
        else:
            made += [f"{row['per_s']:,.0f}", f"{row['p99_ms']:,.1f}", f"{ratio(rows, name, part):.2f}"]
    return made


def ingest(found: Found) -> str:
    """Rates of events, and what share of the store's own rate they are."""
    rows = [[name, f"{rate:,.0f}", f"{found['to_store'][name]:.2f}"] for name, rate in found["per_s"].items()]
    return f"""\
{found["events"]:,} events into a shop of {found["shop"]["events"]:,}, median of {found["rounds"]} rounds.
`python {COMMANDS["ingest"][1]}`. "To store": the ratio to the faster rate of the store alone.

{markdown(["", "events a second", "to store"], rows)}
"""


def plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)


def save(figure: Figure, path: Path) -> None:
    """The same bytes for the same figures."""
    with mpl.rc_context({"svg.hashsalt": "penchant", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def latency_picture(found: Found, path: Path) -> None:
    """p50 and p99 of both routes over the run."""
    figure = Figure(figsize=WIDE)
    axes, series = figure.subplots(), found["series"]
    minutes = [(n + 0.5) * series["width_s"] / 60 for n in range(len(series["lists"]["p50_ms"]))]
    for route in ("lists", "events"):
        for name, style in (("p99_ms", "-"), ("p50_ms", ":")):
            values = [float("nan") if one is None else one for one in series[route][name]]
            label = f"{route}, {name[:3]}"
            axes.plot(minutes, values, style, color=COLOURS[route], label=label, linewidth=1.4)
    over = found["phases"]["overload"]
    begin, end = over["from_s"] / 60, (over["from_s"] + over["seconds"]) / 60
    axes.axvspan(begin, end, color="#eeeeee", zorder=0)
    axes.text(begin, 1.0, "overload ", transform=axes.get_xaxis_transform(), ha="right", va="top", fontsize=9)
    axes.axhline(10, color=FAINT, linewidth=0.8, zorder=0)
    axes.set(yscale="log", xlim=(0, None), xlabel="minutes", ylabel="ms from when it was due")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper left")
    plain(axes)
    save(figure, path)


def throughput_picture(found: Found, path: Path) -> None:
    """Answers a second of everybody, on a logarithmic scale."""
    figure = Figure(figsize=WIDE)
    axes, names = figure.subplots(), list(found["rows"])[::-1]
    for shift, part in ((0.16, "lists"), (-0.16, "event, then list")):
        for place, name in enumerate(names):
            row = found["rows"][name].get(part)
            if row is not None:
                rate, label = row["per_s"], part if name == OURS else None
                axes.plot(rate, place + shift, "o", color=COLOURS[part], label=label)
                axes.text(rate * 1.12, place + shift, f"{rate:,.0f}", va="center", fontsize=8, color=INK)
    shown = {"redis": "redis (lists made before)", RAW: f"{RAW} (no HTTP)"}
    axes.set_yticks(range(len(names)), [shown.get(name, name) for name in names])
    axes.set(xscale="log", xlabel="answers a second on one core")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(axis="both", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.1, y=0.12)
    axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    plain(axes)
    save(figure, path)


if __name__ == "__main__":
    main()
