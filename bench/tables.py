"""Tables of what ``quality.py`` found: ratios to the best peer on the screen, and docs/quality.md."""

import json
from pathlib import Path

import numpy as np
from rich.table import Table

from grids import GRADIENT, PEERS
from kept import KEPT
from penchant.evaluate.result import Evaluation, read_evaluation
from penchant.evaluate.tables import number, with_interval
from penchant.model.encoders import ENCODERS

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs" / "quality.md"
METRIC = "ndcg@10"
SHOWN = ("recall@10", "ndcg@5", "recall@5", "ips-ndcg@10", "coverage@10")
HEAD = ["model", "NDCG@10 [95%]", "to best peer", *SHOWN, "seeds", "training s", "processor s", "peak MiB"]

INTRODUCTION = """# Quality, side by side

Made by `python bench/quality.py --docs` from `bench/results/`; do not edit. Every model and peer has the same
data, split, filter and metric code, and all items are ranked. "To best peer" is the ratio of NDCG@10 to the
best one that is not a model of Penchant's: its baselines count as peers. Figures of models that draw random
numbers are means over seeds; the intervals resample people. `ips-` counts rare items for more. Seconds and
memory are of the training part of one run, with the threads of the command, on whatever machine ran it. Peers
are tuned on validation questions, within the same processor minutes each; what was tried is in the
`.runs.json` files. † marks rows of an earlier command that answered the same questions (`--keep`), so
seconds beside them are of another run.
"""


def rows(found: Evaluation, costs: dict[str, list[dict]]) -> list[list[str]]:
    """One row a model, the best first."""
    value = {name: metrics[METRIC].value or 0.0 for name, metrics in found.models.items()}
    best = max((v for name, v in value.items() if name not in ENCODERS), default=0.0)
    made = []
    for name in sorted(value, key=lambda one: -value[one]):
        metrics, reports = found.models[name], costs.get(name, [])
        runs = found.runs.get(name, [])
        made.append(
            [
                name + (" †" if any(report.get(KEPT) for report in reports) else ""),
                with_interval(metrics[METRIC]),
                f"{value[name] / best:.2f}" if best else "–",
                *(number(metrics.get(metric)) for metric in SHOWN),
                " ".join(f"{run[METRIC]:.4f}" for run in runs) or "–",
                _mean(reports, lambda report: report["fit"]["wall"]),
                _mean(reports, lambda report: report["fit"]["processor"]),
                _mean(reports, lambda report: report["peak_mib"]),
            ]
        )
    return made


def _mean(reports: list[dict], read) -> str:
    return f"{np.mean([read(report) for report in reports]):,.0f}" if reports else "–"


def ratio_table(found: Evaluation, costs: dict[str, list[dict]]) -> Table:
    """For the terminal, and how soon ours is where the best trained peer ends."""
    table = Table(
        title="beside the best peer", title_justify="left", box=None, pad_edge=False, header_style=""
    )
    for name in HEAD:
        table.add_column(name, justify="left" if name == "model" else "right")
    for row in rows(found, costs):
        table.add_row(*row)
    lines = pace(costs)
    table.caption = "\n".join(lines) or None
    table.caption_justify = "left"
    return table


def pace(costs: dict[str, list[dict]]) -> list[str]:
    """Seconds until each model of ours has the best validation NDCG@10 of the best trained peer.

    Both are read on validation: ours while it trains, over all items and with nothing left out, which is
    the harder question where the protocol leaves out what was seen. Seconds of different commands, which
    other work may have slowed, are not compared.
    """
    if len({bool(report.get(KEPT)) for name in [*GRADIENT, *ENCODERS] for report in costs.get(name, [])}) > 1:
        return []
    trained = [(report, name) for name in GRADIENT for report in costs.get(name, []) if _validated(report)]
    if not trained:
        return []
    report, peer = max(trained, key=lambda one: _best(one[0]))
    goal, theirs = _best(report), _reached(report, _best(report))
    lines = [f"{peer} ends at validation NDCG@10 {goal:.4f}, after {theirs:,.0f} s of training"]
    for name, runs in costs.items():
        if name in ENCODERS:
            times = [_reached(run, goal) for run in runs]
            if any(np.isinf(times)):
                lines.append(f"{name} does not get there on its own validation")
            else:
                lines.append(
                    f"{name} is there after {np.mean(times):,.0f} s, {np.mean(times) / theirs:.2f} of it"
                )
    return lines


def _validated(report: dict) -> bool:
    return bool(report.get("curve")) and METRIC in report["curve"][0]


def _value(point: dict) -> float:
    return point.get(METRIC, point.get("validation", 0.0))


def _best(report: dict) -> float:
    return max(_value(point) for point in report["curve"])


def _reached(report: dict, goal: float) -> float:
    return next((point["wall"] for point in report.get("curve", []) if _value(point) >= goal), np.inf)


def write_docs() -> None:
    """docs/quality.md from every result on a test part that has its costs beside it."""
    parts = [INTRODUCTION]
    for path in sorted(RESULTS.glob("quality-*.runs.json")):
        name = path.name.removesuffix(".runs.json")
        if name.endswith("-validation"):
            continue
        found = read_evaluation((RESULTS / f"{name}.json").read_bytes())
        parts.append(section(found, json.loads(path.read_text("utf-8"))))
    DOCS.write_text("\n".join(parts), encoding="utf-8")


def section(found: Evaluation, costs: dict[str, list[dict]]) -> str:
    """One data set and protocol as Markdown."""
    n = found.counts
    lines = [
        f"## {found.dataset}, {found.protocol}",
        "",
        f"{n['questions']:,} questions of {n['people']:,} people, {n['relevant']:,} items taken; "
        f"{n['items']:,} items, {found.settings['ranking']}; {n['training_events']:,} training events.",
        "",
        "| " + " | ".join(HEAD) + " |",
        "|---|" + "---|" * (len(HEAD) - 1),
        *("| " + " | ".join(row) + " |" for row in rows(found, costs)),
        "",
        *(line + "  " for line in pace(costs)),
    ]
    peers = [name for name in PEERS if name in costs]
    if peers:
        versions = costs[peers[0]][0]["versions"]
        lines += [
            "",
            "Peers' versions: "
            + ", ".join(f"{name} {number}" for name, number in versions.items())
            + f", Python {costs[peers[0]][0]['python']}. Chosen: "
            + "; ".join(f"{name} `{json.dumps(costs[name][0]['tuning']['settings'])}`" for name in peers)
            + ".",
        ]
    return "\n".join(lines) + "\n"
