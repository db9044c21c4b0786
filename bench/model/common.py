"""What both benches share."""

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from penchant.model.settings import ModelSettings
from penchant.model.trend import TrendTable
from penchant.model.validation import DISCOUNT, _top

RESULTS = Path(__file__).parents[1] / "results"


def arguments(about):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    types = {field.name: field.type for field in fields(ModelSettings)}
    given = dict(pair.split("=") for pair in options.set)
    raw = {name: value if types[name] is str else json.loads(value) for name, value in given.items()}
    return options, ModelSettings(**raw)


def shown():
    losses = []

    def tell(progress):
        losses.append(progress.loss)
        if progress.metric is not None:
            print(
                f"epoch {progress.epoch} steps {progress.step} "
                f"loss {np.mean(losses):.4f} valid {progress.metric:.4f} {progress.seconds:.0f}s",
                file=sys.stderr,
                flush=True,
            )
            losses.clear()

    return tell


def leave_one_out(model, histories, targets, known):
    """NDCG and recall of the events ``targets``; the person's earlier items are left out.

    Fashion is that of the training part ``known``: other people's test events are not to be seen.
    """
    people = np.arange(histories.people)
    contexts = SimpleNamespace(people=people, ends=targets, times=histories.times[targets])
    ranks = np.zeros(len(people), int)
    for part, scores in model.score_blocks(histories, contexts, trend=TrendTable.of(known)):
        for row, person in enumerate(range(part.start, part.stop)):
            right = histories.items[targets[person]]
            value = scores[row, right]
            scores[row, histories.items[histories.offsets[person] : targets[person]]] = -np.inf
            ranks[person] = (scores[row] > value).sum() + (
                (scores[row] == value).sum() - 1 if value > -np.inf else 0
            )
    gain = np.where(ranks < 10, 1 / np.log2(ranks + 2), 0)
    return {"ndcg@10": float(gain.mean()), "recall@10": float((ranks < 10).mean())}


def basket_ndcg(top, right):
    return float(DISCOUNT[np.isin(top, right)].sum() / DISCOUNT[: min(10, len(right))].sum())


def write(name, result):
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2)
    (RESULTS / f"model-{name}.json").write_text(text + "\n")
    print(text)


top10 = _top
