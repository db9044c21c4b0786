"""Time split on the grocery, last four weeks: ``python bench/model/grocery.py [--cache DIR]``."""

import numpy as np
from common import arguments, basket_ndcg, shown, top10, write
from data import grocery, text_vectors

from penchant.evaluate.baselines import PersonalFrequency, Popular, RecentlyPopular
from penchant.evaluate.recommender import Contexts, ItemTable, Training
from penchant.model.examples import basket_questions
from penchant.model.training import train
from penchant.types import EventType

DAY = 86_400.0


def main() -> None:
    options, settings = arguments(__doc__)
    histories, texts = grocery()
    text = text_vectors(texts, options.cache and options.cache / "grocery.npy")
    cut = histories.times.max() - 28 * DAY
    before = histories.before(cut)
    model = train(before, text, settings, n_items=len(texts), on_progress=shown())
    questions = basket_questions(histories)
    asked = questions.take(np.flatnonzero(questions.times >= cut))
    lists = {
        "recurrent": model_lists(model, histories, asked),
        **baselines(histories, before, asked, len(texts)),
    }
    result = {
        "dataset": "completejourney",
        "baskets": len(asked),
        **model.report,
        "settings": settings.to_dict(),
    }
    result["test"] = {name: measured(histories, asked, top) for name, top in lists.items()}
    write("grocery", result)


def model_lists(model, histories, asked):
    return best(model.score_blocks(histories, Contexts(asked.people, asked.ends, asked.times)))


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
    return np.concatenate([top10(scores, 10) for _, scores in blocks])


def measured(histories, asked, top):
    """NDCG@10 of all and of first-time purchases, 95% intervals by resampling people."""
    everything, first = np.zeros(len(asked)), np.full(len(asked), np.nan)
    for row in range(len(asked)):
        right = asked.items[asked.offsets[row] : asked.offsets[row + 1]]
        everything[row] = basket_ndcg(top[row], right)
        past = histories.items[histories.offsets[asked.people[row]] : asked.ends[row]]
        new = right[~np.isin(right, past)]
        if len(new):
            first[row] = basket_ndcg(top[row], new)
    return {
        "ndcg@10": interval(everything, asked.people),
        "ndcg@10 first-time": interval(first, asked.people),
    }


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
