"""What new things cost: ``python bench/discovery.py [--set NAME=VALUE]``.

Grocery, the four weeks *before* the test weeks, 5,000 baskets: one training on what came before them, then
lists for each share of NDCG@10 that may be given up. That is where the ``discovery`` of the demo was chosen;
the test weeks are not read.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from data import grocery, model_settings, text_vectors, validations
from penchant.evaluate.baselines import PersonalFrequency, Popular, RecentlyPopular
from penchant.evaluate.recommender import Contexts, ItemTable, Training
from penchant.model.ahead import torch_threads
from penchant.model.calibration import calibrate
from penchant.model.examples import basket_questions
from penchant.model.scoring import answer, score_blocks
from penchant.model.training import Trainer
from penchant.model.trend import TrendTable
from penchant.model.validation import DISCOUNT, _top
from penchant.types import EventType

RESULT = Path(__file__).parent / "results" / "discovery.json"
WEEKS, BASKETS = 28 * 86_400.0, 5_000
SHARES = (0.0, 0.03, 0.04, 0.05, 0.06, 0.07, 0.075, 0.08, 0.09, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    options = parser.parse_args()
    settings = model_settings(options.set, time_budget_s=480.0)
    with torch_threads(settings.threads):
        result = found(settings, options.cache / "grocery")
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def found(settings, cache):
    data = grocery()
    histories, texts = data.histories, data.texts
    text = text_vectors(texts, cache)
    known = histories.before(histories.times.max() - WEEKS)
    cut = known.times.max() - WEEKS
    torch.manual_seed(settings.seed)
    trainer = Trainer(known.before(cut), text, settings, len(texts), None, prices=data.prices)
    model = trainer.run(validations, None, time.monotonic)
    asked = basket_questions(known)
    late = np.random.default_rng(0).permutation(np.flatnonzero(asked.times >= cut))
    asked = asked.take(np.sort(late[:BASKETS]))
    lists = baselines(known, trainer.histories, asked, len(texts))
    lists |= lists_by_share(trainer, model, known, asked)
    result = {"dataset": "completejourney", "baskets": len(asked), **model.report}
    result["settings"] = settings.to_dict()
    result["validation"] = {name: measured(known, asked, top) for name, top in lists.items()}
    return result


def lists_by_share(trainer, model, known, asked):
    held, scores = trainer.held_out, model.item_scores()
    items = replace(scores, novelty=0.0, open=np.zeros_like(scores.open))
    held_answers = answer(model.net, trainer.histories, held, trainer.trend)
    trend, lists = TrendTable.of(known), {}
    answers = answer(model.net, known, asked, trend)
    for share in SHARES:
        dials = calibrate(
            held_answers,
            items,
            trainer.trend,
            held,
            discovery=share,
            frequency=trainer.frequency(held.people),
        )
        lists[f"discovery {share}"] = best(score_blocks(answers, items.dialled(dials), trend, 256))
    return lists


def baselines(histories, before, asked, n_items):
    training = Training(before, ItemTable(n_items), EventType.PURCHASE, histories)
    contexts = Contexts(asked.people, asked.ends, asked.times)
    lists = {}
    for model in (PersonalFrequency(), Popular(), RecentlyPopular()):
        model.fit(training)
        lists[model.name] = best(model.score_blocks(histories, contexts, 256))
    return lists


def best(blocks):
    """Lists of ten, (C, 10), of blocks of scores."""
    return np.concatenate([_top(scores, 10) for _, scores in blocks])


def measured(histories, asked, top):
    """NDCG@10 of all and of first-time purchases, 95% intervals by resampling people."""
    everything, first = np.zeros(len(asked)), np.full(len(asked), np.nan)
    for row in range(len(asked)):
        right = asked.items[asked.offsets[row] : asked.offsets[row + 1]]
        everything[row] = ndcg_of(top[row], right)
        past = histories.items[histories.offsets[asked.people[row]] : asked.ends[row]]
        new = right[~np.isin(right, past)]
        if len(new):
            first[row] = ndcg_of(top[row], new)
    return {
        "ndcg@10": interval(everything, asked.people),
        "ndcg@10 first-time": interval(first, asked.people),
    }


def ndcg_of(top, right):
    return float(DISCOUNT[np.isin(top, right)].sum() / DISCOUNT[: min(10, len(right))].sum())


def interval(values, people):
    keep = ~np.isnan(values)
    row = np.unique(people[keep], return_inverse=True)[1]
    total, count = np.bincount(row, values[keep]), np.bincount(row)
    draws = np.random.default_rng(0).integers(0, len(total), (1000, len(total)))
    means = total[draws].sum(1) / count[draws].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"value": float(values[keep].mean()), "low": float(low), "high": float(high)}


if __name__ == "__main__":
    main()
