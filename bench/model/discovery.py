"""What new things cost: ``python bench/model/discovery.py [--cache DIR] [--set NAME=VALUE]``.

Grocery, the four weeks *before* the test weeks, 5,000 baskets: one training on what came before them, then
lists for each share of NDCG@10 that may be given up. That is where the default of ``discovery`` was chosen;
the test weeks are not read.
"""

import time
from dataclasses import replace

import numpy as np
import torch
from common import arguments, shown, write
from data import grocery, text_vectors
from grocery import DAY, baselines, best, measured

from penchant.model.ahead import torch_threads
from penchant.model.calibration import calibrate
from penchant.model.examples import basket_questions
from penchant.model.scoring import answer, score_blocks
from penchant.model.training import Trainer
from penchant.model.trend import TrendTable

WEEKS, BASKETS = 28 * DAY, 5_000
SHARES = (0.0, 0.03, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1)


def main() -> None:
    options, settings = arguments(__doc__)
    with torch_threads(settings.threads):
        write("discovery", found(options, settings))


def found(options, settings):
    histories, texts = grocery()
    text = text_vectors(texts, options.cache and options.cache / "grocery.npy")
    known = histories.before(histories.times.max() - WEEKS)
    cut = known.times.max() - WEEKS
    torch.manual_seed(settings.seed)
    trainer = Trainer(known.before(cut), text, settings, len(texts), None)
    model = trainer.run(shown(), None, time.monotonic)
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
    memory, held = model.settings.memory, trainer.held_out
    items = replace(model.item_scores(), novelty=0.0)
    held_answers = answer(model.net, trainer.histories, held, memory)
    answers, trend, lists = answer(model.net, known, asked, memory), TrendTable.of(known), {}
    for share in SHARES:
        dials = calibrate(
            held_answers, items, trainer.trend, held, discovery=share, frequency=trainer.frequency()
        )
        dialed = replace(
            items,
            personal=dials.personal,
            bias=dials.steep * items.bias + np.float32(dials.level),
            trend=dials.trend,
            novelty=dials.novelty,
        )
        lists[f"discovery {share}"] = best(score_blocks(answers, dialed, trend, 256))
    return lists


if __name__ == "__main__":
    main()
