"""Whether reasons are true: ``python bench/reasons.py --shop NAME=FOLDER [--shop ...]``.

Each folder holds a trained shop; it is copied and not changed. Of some people the list of 20 is made with its
reasons. The events that a reason names are taken out of the person's history, the history is read anew, and
the item is scored again: by the whole score, with what is remembered of it. The same is done with as many
other events of the person, drawn by chance. What a reason names are, for ``because-of``, the events on
the named item among the person's newest ones, one item at a time; for ``bought-again`` and ``looked-at`` all
events on the item itself; for ``about-you`` nothing of the past, so that it is not asked here.
"""

import argparse
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from copies import measured_shops
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.taste.state import WINDOW, Sums
from penchant.taste.tokens import Basket, TokenMaker

RESULT = Path(__file__).parent / "results" / "reasons.json"
PLACES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--people", type=int, default=300)
    options = parser.parse_args()
    print(table(measured_shops(options.shop, RESULT, partial(measured, count=options.people))))


def measured(folder, count):
    with Shop(folder, writer=True) as shop:
        serving = Serving(shop)
        try:
            return checked(shop, serving, count)
        finally:
            serving.engine.close()


def checked(shop, serving, count):
    rng, columns = np.random.default_rng(0), shop.log.columns()
    now, sizes = float(columns.time.max()), np.bincount(columns.person)
    codes = rng.permutation(np.flatnonzero(sizes >= 3))[:count]
    kinds, found = Counter(), defaultdict(list)
    for code in codes:
        person = Person(shop, serving.recommender.tracker, columns.people[code], now)
        shown = serving.recommender.recommend(columns.people[code], PLACES, "bench", now)
        for item in shown.items:
            reason, row = item.reason, int(shop.ids.rows([item.item_id])[0])
            kinds[f"{reason.kind}{'' if reason.items or reason.kind != 'because-of' else ' as a whole'}"] += 1
            for named in person.named(reason, row):
                found[reason.kind].append(person.losses(row, named, rng))
    told = {kind: told_of(rows) for kind, rows in found.items()}
    told["all"] = told_of([row for rows in found.values() for row in rows])
    return {"people": len(codes), "reasons": dict(kinds), "named": told}


def told_of(rows):
    losses = np.array(rows)
    other = losses[~np.isnan(losses[:, 1])]
    return {
        "named": len(losses),
        "lower without it": float((losses[:, 0] > 0).mean()),
        "more than without another": float((other[:, 0] > other[:, 1]).mean()),
        "compared": len(other),
    }


class Person:
    """One person's history, read again without some of it."""

    def __init__(self, shop, tracker, person, now):
        self.model, self.now, self.ids = tracker.model, now, shop.ids
        self.maker = TokenMaker(shop.ids, shop.catalog.queries.of)
        self.history = shop.log.of_user(person)
        self.reading = tracker.read(person)
        events = [entry.event for entry in self.history]
        # Only what the model reads can be named, or drawn in its place.
        self.events = [event for event in events if self.maker.of_all([event], Basket())]
        self.rows = [token.item for token in self.maker.of_all(self.events, Basket())]
        self.known = {frozenset(): self.scores(frozenset())}

    def scores(self, left_out):
        tokens = self.maker.of_all((e for n, e in enumerate(self.events) if n not in left_out), Basket())
        state = self.model.encode(tokens)
        return self.model.scores(state, self.now, Sums.of(tokens).record, self.reading.about)

    def without(self, left_out):
        if left_out not in self.known:
            self.known[left_out] = self.scores(left_out)
        return self.known[left_out]

    def named(self, reason, row):
        """Sets of events, by their place, that a reason names."""
        size = len(self.rows)
        if reason.kind in ("bought-again", "looked-at"):
            return [frozenset(n for n in range(size) if self.rows[n] == row)]
        named = self.ids.rows(list(reason.items)).tolist() if reason.kind == "because-of" else []
        return [
            frozenset(n for n in range(max(0, size - WINDOW), size) if self.rows[n] == one) for one in named
        ]

    def losses(self, row, named, rng):
        """What the item loses without the named events, and without as many others; NaN without those."""
        whole = self.known[frozenset()][row]
        others = [n for n in range(len(self.events)) if n not in named]
        lost = float(whole - self.without(named)[row])
        if len(others) < len(named):
            return lost, np.nan
        drawn = frozenset(rng.choice(others, len(named), replace=False).tolist())
        return lost, float(whole - self.without(drawn)[row])


def table(result):
    lines = [
        "| shop | reason | named | lower without it | more than without another |",
        "|---|---|---:|---:|---:|",
    ]
    for name, shop in result.items():
        for kind, one in shop["named"].items():
            lines.append(
                f"| {name} | {kind} | {one['named']} | {one['lower without it']:.1%} | "
                f"{one['more than without another']:.1%} |"
            )
        lines.append(f"{name}: {shop['reasons']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
