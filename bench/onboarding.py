"""What a few answers bring a new person: ``python bench/onboarding.py [--data beauty grocery]``.

A fifth of the people are held out, the others are the log. Of each held-out person baskets drawn by chance
are what is asked for, and everything else that the person bought tells the answers: an item is liked if the
person bought it, or (in Beauty, where nearly nothing is bought twice) another one of its category. The
basket that is asked for has no part in the answers. Lists are of what is popular among the others'
purchases before any answer, and of :mod:`penchant.recommend.onboarding` after some. Beside its questions:
the most popular items, and items drawn by chance of those that may be asked about. NDCG@10 with 95%
intervals of the ratio, people resampled. No model is asked: it says nothing of somebody without events.
Answers follow the same rule as the product's own picture of people, and nobody here says "I do not know":
real ones will be worth less.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from data import SHARED, load
from penchant.catalog.view import view_of
from penchant.metrics.bootstrap import bounds, cluster_bootstrap, cluster_sums
from penchant.model.validation import DISCOUNT
from penchant.recommend.candidates import top_k
from penchant.recommend.onboarding import crowd_of
from penchant.types import Item, Pseudonym

RESULT = Path(__file__).parent / "results" / "onboarding.json"
ANSWERS = (1, 3, 5)
POLICIES = ("most telling", "most popular", "chance")
AGAIN = {"grocery": True, "beauty": False}
"""Whether things are bought again, which in a shop is learned from its log."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=list(AGAIN), default=list(AGAIN))
    parser.add_argument("--baskets", type=int, default=2_000)
    options = parser.parse_args()
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for name in options.data:
        found[name] = measured(name, options.baskets)
        RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    show(found)


def measured(name, baskets):
    rng, data = np.random.default_rng(0), load(name)
    histories, view = data.histories, catalogue(name, data)
    person = histories.person_of_event()
    held = np.zeros(histories.people, bool)
    held[rng.permutation(histories.people)[: histories.people // 5]] = True
    log = ~held[person] & (histories.items >= 0)
    people = [Pseudonym(str(number)) for number in range(histories.people)]
    again = AGAIN[name]
    crowd = crowd_of(
        people, person[log].astype(np.int64), histories.items[log].astype(np.int64),
        again=lambda seen: np.full(len(seen), again),
    )  # fmt: skip
    popular = np.bincount(histories.items[log], minlength=len(view)).astype(np.float32)
    popular /= popular.max()
    questions = asked_for(histories, np.flatnonzero(held), baskets, rng)
    base = np.array([ndcg(popular, right) for _, right, _ in questions])
    who = np.array([number for number, _, _ in questions])
    found = {"people": len(np.unique(who)), "baskets": len(who), "crowd": len(crowd), "popular": mean(base)}
    for policy in POLICIES:
        asked = [Interview(crowd, view, popular, (right, own), again=again) for _, right, own in questions]
        for count in range(1, max(ANSWERS) + 1):
            for one in asked:
                one.ask(policy, rng)
            if count in ANSWERS:
                gained = np.array([one.ndcg() for one in asked])
                liked = np.mean([sum(one.answers.values()) for one in asked])
                found[f"{policy}, {count}"] = {
                    "ndcg@10": mean(gained),
                    "ratio": ratio(base, gained, who),
                    "liked": round(float(liked), 2),
                }
    return found


class Interview:
    """One new person: what is asked for, and what else the person bought."""

    def __init__(self, crowd, view, popular, bought, *, again):
        self.crowd, self.view, self.popular = crowd, view, popular
        self.right, own = bought
        self.own = set(own.tolist())
        self.kinds = set() if again else set(view.category[own].tolist())
        self.answers = {}

    def ask(self, policy, rng):
        every = np.ones(len(self.view), bool)
        if policy == "most telling":
            row = self.crowd.questions(self.view, every, self.popular, self.answers, 1)[0]
        else:
            left = [row for row in known(self.popular) if row not in self.answers]
            row = left[0] if policy == "most popular" else left[rng.integers(len(left))]
        self.answers[row] = row in self.own or int(self.view.category[row]) in self.kinds

    def ndcg(self):
        return ndcg(self.crowd.scores(self.view, self.popular, self.answers), self.right)


_known = {}


def known(popular):
    if id(popular) not in _known:
        _known[id(popular)] = top_k(popular, popular > 0, 200).tolist()
    return _known[id(popular)]


def catalogue(name, data):
    if data.items is not None:
        categories = [item.category for item in data.items]
    else:
        rows = pq.read_table(SHARED / f"amazon-{name}" / "items.parquet").to_pylist()
        categories = [row["category"] or "" for row in rows]
    categories += [""] * (len(data.texts) - len(categories))
    ids = [str(row) for row in range(len(categories))]
    return view_of(1, ids, {n: Item(item_id=ids[n], category=one) for n, one in enumerate(categories)})


def asked_for(histories, people, most, rng):
    """Person, items of a basket, and all that the person bought in others; in an order of chance."""
    found = []
    for number in people.tolist():
        events = slice(histories.offsets[number], histories.offsets[number + 1])
        items, baskets = histories.items[events], histories.baskets[events]
        distinct = np.unique(baskets)
        if len(distinct) >= 2:
            for basket in rng.choice(distinct, min(2, len(distinct)), replace=False):
                found.append((number, np.unique(items[baskets == basket]), items[baskets != basket]))
    return [found[at] for at in rng.permutation(len(found))[:most]]


def ndcg(scores, right):
    best = top_k(scores, np.ones(len(scores), bool), 10)
    return float(DISCOUNT[: len(best)][np.isin(best, right)].sum() / DISCOUNT[: min(10, len(right))].sum())


def mean(values):
    return round(float(values.mean()), 5)


def ratio(base, gained, who):
    people, rows = np.unique(who, return_inverse=True)
    sums, counts = cluster_sums(np.stack([base, gained], axis=1), rows, len(people))
    draws = cluster_bootstrap(sums, counts, 2_000, seed=0)
    low, high = bounds(draws[:, 1] / draws[:, 0])
    return [round(float(one), 3) for one in (gained.mean() / base.mean(), low, high)]


def show(found):
    for name, one in found.items():
        title = (
            f"{name}: {one['baskets']} baskets of {one['people']} new people, popular {one['popular']:.4f}"
        )
        table = Table("questions", "NDCG@10", "to popular [95%]", "liked", title=title)
        for policy, values in one.items():
            if isinstance(values, dict):
                middle, low, high = values["ratio"]
                told = f"{middle:.2f} [{low:.2f}, {high:.2f}]"
                table.add_row(policy, f"{values['ndcg@10']:.4f}", told, f"{values['liked']:.1f}")
        Console(width=100).print(table)


if __name__ == "__main__":
    main()
