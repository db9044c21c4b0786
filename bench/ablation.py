"""What does each input bring? The model with all of them, and with each one left out.

    python bench/ablation.py --data grocery                      # on validation: the test part stays unread
    python bench/ablation.py --data retail-rocket --minutes 6 --seeds 0,1,2
    python bench/ablation.py --data beauty --vary pretrain=next,masked,contrastive   # other values instead

Inputs that a data set does not have are not left out either. Of retail-rocket views and carts are left out
too: purchases alone. With ``--vary`` nothing is left out: the defaults stand beside each value of a setting.
Each run is a process of its own and is kept under ``--cache``; the same command goes on where it was cut off.
The difference is of all inputs to all but one, on the same questions, its interval by resampling people. A
table goes to the screen, JSON to bench/results/ablation-NAME.json (ablation-NAME-SETTING.json).
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from data import NAMED, Data, load, model_settings
from penchant.evaluate.protocols import Split
from penchant.evaluate.result import Evaluation
from penchant.evaluate.run import PARTS, PROTOCOLS, Plan
from penchant.evaluate.tables import with_interval
from penchant.model.settings import INPUTS
from penchant.types import EventType
from quality import USUAL, say
from runs import Run, World, compared, own_run, world
from tables import METRIC, RESULTS

ALL = "all inputs"
ALONE = {"retail-rocket": ("views and carts", "retail-rocket-purchases")}
"""Data whose other events are left out too: what to call them, and the data without them."""


def main() -> None:
    options = arguments()
    plan = Plan(options.protocol or USUAL.get(options.data, "successive"), on=options.on)

    def cut(data: str) -> World:
        return world(data, plan, options.cache, threads=options.threads, venv=options.cache, tell=say)

    here = cut(options.data)
    say(f"{here.name}: {sum(len(split.questions) for split in here.splits):,} questions")
    setting, _, values = (options.vary or "").partition("=")
    changes = varied(setting, values.split(",")) if setting else left_out(load(options.data))
    runs = {name: all_runs(here, options, **other) for name, other in changes.items()}
    if options.data in ALONE and not setting:
        name, data = ALONE[options.data]
        alone = cut(data)
        same_questions(here.splits, alone.splits)
        runs[without(name)] = all_runs(alone, options, **changes[ALL])
    found = compared(here, runs)
    result = summary(found, runs)
    RESULTS.mkdir(exist_ok=True)
    suffix = (f"-{setting}" if setting else "") + ("-test" if options.on == "test" else "")
    path = RESULTS / f"ablation-{here.dataset}{suffix}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 140).print(table_of(found, runs))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="grocery", help=f"{', '.join(NAMED)}, or a folder")
    add("--protocol", choices=PROTOCOLS, help="default: the usual one of the data set")
    add("--on", choices=PARTS, default="validation")
    add("--seeds", default="0", help="such as 0,1,2")
    add("--minutes", type=float, default=19.0, help="limit on each training")
    add("--vary", metavar="NAME=VALUE,VALUE", help="a setting of the model to change instead")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="of the model")
    add("--threads", type=int, default=1, help="of each process")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    return parser.parse_args()


def left_out(data: Data) -> dict[str, dict[str, object]]:
    """Settings by what a model is called: all inputs, and all but each one that tells something."""
    kept = {without(name): [one for one in INPUTS if one != name] for name in applying(data)}
    return {name: {"inputs": "+".join(inputs)} for name, inputs in ({ALL: INPUTS} | kept).items()}


def varied(setting: str, values: list[str]) -> dict[str, dict[str, object]]:
    """The same: the defaults, and each value of one setting."""
    others = {f"{setting}={value}": model_settings([f"{setting}={value}"]) for value in values}
    return {ALL: {}} | {name: {setting: getattr(other, setting)} for name, other in others.items()}


def applying(data: Data) -> list[str]:
    """Inputs that tell something in this data."""
    histories = data.histories
    there = {
        "types": len(np.unique(histories.types)) > 1,
        "ratings": bool((histories.types == EventType.RATING.code).any()),
        "queries": bool((histories.queries >= 0).any()),
        "text": any(data.texts),
        "price": data.prices is not None,
        "attributes": data.attributes is not None and any(data.attributes),
    }
    return [name for name in INPUTS if there.get(name, True)]


def without(name: str) -> str:
    """What a model is called that lacks an input."""
    return f"without {name}"


def all_runs(here: World, options: argparse.Namespace, **other: object) -> list[Run]:
    """One for each seed; ``other`` settings than the command's."""
    given = model_settings(options.set, time_budget_s=60 * options.minutes, threads=options.threads)
    plain = replace(given, **other).to_dict()
    settings = {name: value for name, value in plain.items() if name not in ("encoder", "seed")}
    return [own_run(here, given.encoder, settings, int(seed)) for seed in options.seeds.split(",")]


def same_questions(one: list[Split], other: list[Split]) -> None:
    """Refuse to compare answers to different questions."""
    for mine, theirs in zip(one, other, strict=True):
        a, b = mine.questions, theirs.questions
        pairs = [(a.owner, b.owner), (a.items, b.items), (a.contexts.people, b.contexts.people)]
        pairs.append((a.contexts.times, b.contexts.times))
        if not all(np.array_equal(x, y) for x, y in pairs):
            raise SystemExit("without the other events other questions are asked: they cannot be compared")


def difference(found: Evaluation, name: str):
    """NDCG@10 of the defaults, with all inputs, less that of the model ``name``."""
    return found.differences[f"{ALL} - {name}"][METRIC]


def summary(found: Evaluation, runs: dict[str, list[Run]]) -> dict:
    """For JSON."""
    rows = {}
    for name, made in runs.items():
        value = found.models[name][METRIC]
        rows[name] = {METRIC: [value.value, value.low, value.high]}
        if name != ALL:
            apart = difference(found, name)
            rows[name]["brings"] = [apart.value, apart.low, apart.high]
        rows[name]["processor"] = round(float(np.mean([run.report["fit"]["processor"] for run in made])), 1)
        rows[name]["epochs"] = [len(run.report["curve"]) for run in made]
    settings = runs[ALL][0].report["settings"]
    asked = {"protocol": found.protocol, "seeds": len(runs[ALL]), "counts": found.counts}
    return {"dataset": found.dataset, **asked, "models": rows, "settings": settings}


def table_of(found: Evaluation, runs: dict[str, list[Run]]) -> Table:
    """For the screen."""
    table = Table("inputs", "NDCG@10 [95%]", "what it brings [95%]", "processor s", title=found.dataset)
    for name, made in runs.items():
        brings = "" if name == ALL else with_interval(difference(found, name))
        seconds = np.mean([run.report["fit"]["processor"] for run in made])
        table.add_row(name, with_interval(found.models[name][METRIC]), brings, f"{seconds:,.0f}")
    return table


if __name__ == "__main__":
    main()
