"""How well are items found that nobody has taken yet? Text has to carry them.

    python bench/cold.py --on validation            # on people's training events alone: to choose settings by
    python bench/cold.py --seeds 0,1,2              # the reading

A tenth of the items (drawn by ``--draw``) and all their events are taken out. On the rest a model is trained
as in leave-one-out. Then each person's last event on an item that was taken out is asked, with the person's
other events before it as history; all items are ranked, but those taken before. Beside it: the last events
on rare items (one to five events in training), chance, and the same model without text. Writes a table to the
screen and JSON under bench/results/.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from data import NAMED, load, model_settings, text_vectors, validations
from penchant.evaluate.model import Preference
from penchant.evaluate.protocols import Split, leave_one_out, pick
from penchant.evaluate.ranked import rank_questions
from penchant.evaluate.recommender import Contexts, ItemTable, Questions, Training
from penchant.evaluate.run import PARTS
from penchant.metrics import cluster_bootstrap, cluster_sums, intervals, tie_order
from penchant.model.histories import Histories

RESULTS = Path(__file__).parent / "results"
SHARE = 0.1
RARE = 5
K = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="beauty", help=f"{', '.join(NAMED)}, or a folder")
    parser.add_argument("--on", choices=PARTS, default="test", help="validation: training events alone")
    parser.add_argument("--seeds", default="0", help="of the model, such as 0,1,2")
    parser.add_argument("--draw", type=int, default=0, help="which items are taken out")
    parser.add_argument("--minutes", type=float, default=19.0, help="limit on each training")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    options = parser.parse_args()
    data = load(options.data)
    histories, texts = data.histories, data.texts
    if options.on == "validation":
        histories = leave_one_out(histories).train
    dataset = Path(options.data).name
    vectors = text_vectors(texts, options.cache / dataset)
    rare, cold = questions(histories, len(texts), options.draw)
    settings = model_settings(options.set, time_budget_s=60 * options.minutes)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    result = {"dataset": dataset, "part": options.on, "draw": options.draw, "settings": settings.to_dict()}
    result |= {
        "items": len(texts),
        "rare_questions": len(rare.questions),
        "cold_questions": len(cold.questions),
    }
    result["chance"] = K / len(texts)
    for name, table in (("id and text", vectors), ("id alone", None)):
        items = ItemTable(len(texts), table, prices=data.prices)
        runs = [measured(rare, cold, items, replace(settings, seed=seed)) for seed in seeds]
        result[name] = {part: mean([run[part] for run in runs]) for part in runs[0]}
    result["verdict"] = verdict(result)
    RESULTS.mkdir(exist_ok=True)
    suffix = "" if options.on == "test" else f"-{options.on}"
    text = json.dumps(result, indent=2) + "\n"
    (RESULTS / f"cold-{dataset}{suffix}.json").write_text(text, encoding="utf-8")
    print(table_of(result))


def questions(histories: Histories, n_items: int, draw: int) -> tuple[Split, Split]:
    """The last events on rare items and the last ones on items taken out, both beside one training part."""
    out = np.zeros(n_items, dtype=bool)
    out[np.random.default_rng(draw).permutation(n_items)[: round(SHARE * n_items)]] = True
    removed = (histories.items >= 0) & out[histories.items]
    split = leave_one_out(histories.keep(~removed))
    counts = np.bincount(split.train.items[split.train.items >= 0], minlength=n_items)[split.questions.items]
    rare = replace(split, questions=pick(split.questions, (counts >= 1) & (counts <= RARE)))
    return rare, replace(split, questions=taken_out(histories, removed), label="cold")


def taken_out(histories: Histories, removed: np.ndarray) -> Questions:
    """Each person's last removed event, asked at its place among the events that stay."""
    events = np.flatnonzero(removed)
    person = histories.person_of_event()[events]
    last = np.append(person[1:] != person[:-1], True) if len(events) else np.zeros(0, dtype=bool)
    events, person = events[last], person[last]
    stay_before = np.concatenate([[0], np.cumsum(~removed)])
    contexts = Contexts(
        person.astype(np.int64), stay_before[events].astype(np.int64), histories.times[events]
    )
    owner = np.arange(len(events), dtype=np.int64)
    return Questions(contexts, histories.types[events], owner, histories.items[events])


def measured(rare: Split, cold: Split, items: ItemTable, settings) -> dict[str, list[float]]:
    """Recall of each question, of a model trained once."""
    print(f"\n{'without' if items.vectors is None else 'with'} text, seed {settings.seed}", file=sys.stderr)
    model = Preference(settings, tell=validations)
    model.fit(Training(rare.train, items, None, rare.full, rare.validation))
    found = {}
    for name, split in (("rare", rare), ("cold", cold)):
        ranks = rank_questions(model, split, K, tie_order(items.count)).ranks
        found[name] = (ranks <= K).astype(np.float64)
    return found


def mean(runs: list[np.ndarray]) -> dict:
    """Over questions and seeds, the interval over questions (one for each person), and each seed's figure."""
    values = np.mean(runs, axis=0)[:, None]
    sums, counts = cluster_sums(values, np.arange(len(values)), len(values))
    ((value, low, high),) = intervals(sums, counts, cluster_bootstrap(sums, counts, 1_000, 0))
    return {"recall@10": value, "low": low, "high": high, "seeds": [float(run.mean()) for run in runs]}


def verdict(result: dict) -> dict:
    """What is asked for: 5 times chance, half of what rare items have, nothing from ids alone."""
    cold, rare = (result["id and text"][part]["recall@10"] for part in ("cold", "rare"))
    return {
        "times chance": cold / result["chance"],
        "share of rare": cold / rare if rare else None,
        "ids alone": result["id alone"]["cold"]["recall@10"],
    }


def table_of(result: dict) -> str:
    """For the screen."""
    lines = [
        f"{result['dataset']}, {result['part']}: {result['cold_questions']:,} questions on items without any "
        f"event, {result['rare_questions']:,} on items with 1 to {RARE}; chance {result['chance']:.5f}",
        f"{'':14}{'recall@10, no event':>32}{'recall@10, rare':>32}",
    ]
    for name in ("id and text", "id alone"):
        cells = [result[name][part] for part in ("cold", "rare")]
        shown = [f"{c['recall@10']:.4f} [{c['low']:.4f}, {c['high']:.4f}]" for c in cells]
        lines.append(f"{name:14}{shown[0]:>32}{shown[1]:>32}")
    found = result["verdict"]
    share = "–" if found["share of rare"] is None else f"{found['share of rare']:.0%}"
    lines.append(
        f"{found['times chance']:.1f} times chance, {share} of rare items; ids alone {found['ids alone']:.4f}"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
