"""What corrections of a taste do to lists: ``python bench/corrections.py --shop NAME=FOLDER [--shop ...]``.

Each folder holds a trained shop; it is copied and not changed. Some people are taken before their newest
basket, which is what their lists are asked for. Of each the category, brand, price level and word of titles
(where the shop has any) that has most places among the first 20 is wanted less; the next list is compared
with the one before. Then a thing of the list before is never wanted again, and lists of every kind are
looked through for it: by taste, kept ones, beside an item, without a model, of a search, of similar items.

The model was trained on the log with those baskets in it: NDCG is higher than on unseen days, in both
lists.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np

from copies import measured_shops
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.catalog.words import words_of
from penchant.events.attributes import ConsentedAttributes
from penchant.model.validation import DISCOUNT
from penchant.recommend.filters import SeenFilter
from penchant.recommend.pipeline import Recommender
from penchant.recommend.popularity import Popularity, fallback_scores
from penchant.recommend.repeats import RepeatRates
from penchant.recommend.search import Search
from penchant.recommend.similar import SimilarItems
from penchant.taste.corrections import Correction, CorrectionsInMemory
from penchant.taste.price_level import price_levels_of_all
from penchant.taste.tokens import TokenMaker
from penchant.taste.tracker import TasteTracker
from penchant.taste.wished import wished

RESULT = Path(__file__).parent / "results" / "corrections.json"
PLACES, DEEP = 20, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument(
        "--lists", type=int, default=10_000, help="of each shop that something must never be in"
    )
    options = parser.parse_args()
    ask = partial(measured, people=options.people, lists=options.lists)
    print(table(measured_shops(options.shop, RESULT, ask)))


def measured(folder, people, lists):
    with Shop(folder, writer=True) as shop:
        serving = Serving(shop)
        try:
            house = House(shop, serving)
            who = house.sample(people)
            return {
                "people": len(who),
                "less": {kind: less(house, who, kind) for kind in house.kinds()},
                "never": never(house, who, lists),
            }
        finally:
            serving.engine.close()


class Before:
    """The log of before each person's newest basket."""

    def __init__(self, log):
        self.log = log

    def of_user(self, person, last=None):
        found = self.log.of_user(person, last)
        return [one for one in found if one.event.timestamp < found[-1].event.timestamp]


class House:
    """A shop's model with lists of its own; none of them is logged."""

    def __init__(self, shop, serving):
        self.shop, self.served = shop, serving.recommender.tracker
        self.view, self.now = shop.catalog.view(), 0.0
        columns = shop.log.columns()
        self.now = float(columns.time.max())
        self.people, self.columns = columns.people, columns
        popularity = Popularity(7.0)
        popularity.rebuild(columns, shop.ids)
        self.popular = lambda view, row: fallback_scores(popularity, view, row)
        known = ConsentedAttributes(shop.attributes, shop.consent).attributes_of
        tokens = TokenMaker(shop.ids, shop.catalog.queries.of)
        self.tracker = TasteTracker(
            self.served.model, Before(shop.log), tokens, shop.consent, known, snapshot=self.served.snapshot
        )
        self.corrections = CorrectionsInMemory()
        made = {
            "catalog": shop.catalog, "popularity": popularity, "corrections": self.corrections,
            "seen": SeenFilter(shop.settings.recommend, RepeatRates()), "consent": shop.consent,
            "sink": self, "new_id": lambda: "list",
        }  # fmt: skip
        self.recommender = Recommender(tracker=self.tracker, **made)
        self.without_model = Recommender(tracker=None, **made)
        self.search = Search(
            shop.catalog, lambda _: self.tracker, self.popular, wishes_of=self.corrections.get
        )
        self.similar = SimilarItems(shop.catalog, lambda: self.tracker, self.popular)

    def put(self, impression):
        """A list that nobody keeps."""

    def sample(self, count):
        sizes = np.bincount(self.columns.person)
        codes = np.random.default_rng(0).permutation(np.flatnonzero(sizes >= 3))
        found = []
        for code in codes:
            history = self.shop.log.of_user(self.people[code])
            if history[0].event.timestamp < history[-1].event.timestamp:
                found.append(self.people[code])
            if len(found) == count:
                break
        return found

    def kinds(self):
        view = self.view
        has = [view.category >= 0, view.brand >= 0, np.isfinite(price_levels_of_all(view))]
        return [
            kind for kind, some in zip(("category", "brand", "price"), has, strict=True) if some.any()
        ] + ["word"]

    def list(self, person, n=PLACES, **more):
        shown = self.recommender.recommend(person, n, "bench", self.now, **more)
        return np.array([self.view.row(one.item_id) for one in shown.items])

    def wanted(self, person):
        """Rows of the newest basket."""
        history = self.shop.log.of_user(person)
        last = [one.event.item_id for one in history if one.event.timestamp == history[-1].event.timestamp]
        return np.unique([row for row in (self.view.row(item or "") for item in last) if row >= 0])

    def commonest(self, rows, kind):
        """The name that most places of a list have."""
        view = self.view
        if kind == "price":
            level = price_levels_of_all(view)[rows]
            names = [("low", "middle", "high")[int(min(2, x * 3))] for x in level if np.isfinite(x)]
        elif kind == "word":
            names = [word for row in rows for word in words_of(view.titles[row]) if len(word) >= 3]
        else:
            codes, table = (
                (view.category, view.categories) if kind == "category" else (view.brand, view.brands)
            )
            names = [table.name(int(code)) for code in codes[rows] if code >= 0]
        return max(sorted(set(names)), key=names.count) if names else ""


def less(house, who, kind):
    before, after, times = [], [], []
    rest = {"before": [], "after": []}
    whole = {"before": [], "after": []}
    for person in who:
        house.corrections.erase_person(person)
        old = house.list(person, DEEP)
        name = house.commonest(old[:PLACES], kind)
        if not name:
            continue
        wish = Correction(kind=kind, name=name, weight="less")
        about = wished(wish, house.view)
        house.corrections.set(person, [wish])
        started = time.perf_counter()
        new = house.list(person, DEEP)
        times.append(time.perf_counter() - started)
        house.corrections.erase_person(person)
        before.append(about[old[:PLACES]].mean())
        after.append(about[new[:PLACES]].mean())
        wanted = house.wanted(person)
        wanted = wanted[~about[wanted]]
        if len(wanted):
            for when, rows in (("before", old), ("after", new)):
                rest[when].append(ndcg(rows[~about[rows]], wanted))
                whole[when].append(ndcg(rows, wanted))
    return {
        "people": len(before),
        "share of top 20 before": float(np.mean(before)),
        "share of top 20 after": float(np.mean(after)),
        "fall": 1 - float(np.mean(after) / np.mean(before)),
        "smallest fall of one person": float(np.min(1 - np.array(after) / np.array(before))),
        "people asked for something else": len(rest["before"]),
        "ndcg@10 of the rest": {when: float(np.mean(values)) for when, values in rest.items()},
        "ndcg@10 of the list": {when: float(np.mean(values)) for when, values in whole.items()},
        "median ms of the next list of 200": 1000 * float(np.median(times)),
    }


def ndcg(rows, wanted):
    top = rows[:10]
    return float(DISCOUNT[: len(top)][np.isin(top, wanted)].sum() / DISCOUNT[: min(10, len(wanted))].sum())


def never(house, who, lists):
    """Lists of every kind, and those that hold what must not be in them."""
    made, bad, items = {}, {}, 0
    rng = np.random.default_rng(1)
    kinds = [*house.kinds(), "item"]
    person_at = 0
    while sum(made.values()) < lists:
        person, kind = who[person_at % len(who)], kinds[person_at % len(kinds)]
        person_at += 1
        house.corrections.erase_person(person)
        old = house.list(person)
        name = house.view.name(int(rng.choice(old))) if kind == "item" else house.commonest(old, kind)
        wish = Correction(kind=kind, name=name, weight="never")
        house.corrections.set(person, [wish])
        about = wished(wish, house.view)
        for path, rows in every_path(house, person, old, rng).items():
            made[path] = made.get(path, 0) + 1
            bad[path] = bad.get(path, 0) + bool(about[rows].any())
            items += len(rows)
        house.corrections.erase_person(person)
    return {"lists": sum(made.values()), "items": items, "with it": sum(bad.values()), "by path": made}


def every_path(house, person, old, rng):
    view, item = house.view, house.view.name(int(rng.choice(old)))
    wishes = house.corrections.get(person)
    popular = house.without_model.recommend(person, PLACES, "bench", house.now).items
    word = str(rng.choice(words_of(view.titles[view.row(item)]) or ["a"]))
    found = house.search.search(word, PLACES, house.now, person=person).items
    like = house.similar.similar(item, PLACES, wishes).items

    def rows(items):
        return np.array([view.row(one.item_id) for one in items], np.int64)

    return {
        "by taste": house.list(person),
        "kept": house.list(person),
        "longer": house.list(person, DEEP),
        "beside an item": house.list(person, context_item=item),
        "without a model": rows(popular),
        "search": rows(found),
        "similar": rows(like),
    }


def table(result):
    lines = [
        "| shop | less of | people | share of 20 before | after | fall | NDCG@10 of the rest | of the list |"
    ]
    lines.append("|---|---|---:|---:|---:|---:|---|---|")
    for name, shop in result.items():
        for kind, one in shop["less"].items():
            rest, whole = one["ndcg@10 of the rest"], one["ndcg@10 of the list"]
            lines.append(
                f"| {name} | {kind} | {one['people']} | {one['share of top 20 before']:.3f} | "
                f"{one['share of top 20 after']:.3f} | {one['fall']:.1%} | "
                f"{rest['before']:.4f} → {rest['after']:.4f} | {whole['before']:.4f} → {whole['after']:.4f} |"
            )
    for name, shop in result.items():
        lines.append(f"{name}: never: {shop['never']['with it']} of {shop['never']['lists']} lists")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
