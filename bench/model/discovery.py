"""What new things cost: ``python bench/model/discovery.py [--cache DIR] [--set NAME=VALUE]``.

Grocery, the four weeks *before* the test weeks, 5,000 baskets: one training on what came before them, then
lists with ever more novelty. That is where ``discovery`` was chosen; the test weeks are not read.
"""

from dataclasses import replace

import numpy as np
from common import arguments, shown, top10, write
from data import grocery, text_vectors
from grocery import DAY, baselines, measured

from penchant.model.examples import basket_questions
from penchant.model.scoring import answer, score_blocks
from penchant.model.training import train
from penchant.model.trend import TrendTable

WEEKS, BASKETS = 28 * DAY, 5_000
STEPS = (-8.0, -0.6, -0.3, 0.0, 0.3, 0.6)
"""Novelty, from that of the dials; the first shows hardly anything new."""


def main() -> None:
    options, settings = arguments(__doc__)
    histories, texts = grocery()
    text = text_vectors(texts, options.cache and options.cache / "grocery.npy")
    known = histories.before(histories.times.max() - WEEKS)
    cut = known.times.max() - WEEKS
    before = known.before(cut)
    model = train(before, text, settings, n_items=len(texts), on_progress=shown())
    asked = basket_questions(known)
    late = np.flatnonzero(asked.times >= cut)
    rng = np.random.default_rng(0)
    asked = asked.take(np.sort(rng.permutation(late)[:BASKETS]))
    answers, items = answer(model.net, known, asked, settings.memory), model.item_scores()
    lists = baselines(known, before, asked, len(texts))
    for step in STEPS:
        dialed = replace(items, novelty=items.novelty + step)
        blocks = score_blocks(answers, dialed, TrendTable.of(known), 256)
        lists[f"novelty {step:+.1f}"] = np.concatenate([top10(scores, 10) for _, scores in blocks])
    result = {"dataset": "completejourney", "baskets": len(asked), **model.report, "novelty": items.novelty}
    result["settings"] = settings.to_dict()
    result["validation"] = {name: measured(known, asked, top) for name, top in lists.items()}
    write("discovery", result)


if __name__ == "__main__":
    main()
