"""What rules of the house cost: zen-engine by itself, the catalogue, a change of an item, a list.

    python bench/rules.py SHOP [--rules 20] [--lists 300]

Processor time of one thread, on a copy of a trained shop: an item of it is changed. Rules of every kind, in
equal parts; half of them look at the request too. Lists are made, not shown, and none is a kept one.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import zen

from penchant.adapters.zen_rules import ZenRules
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.recommend.request import Wanted
from penchant.recommend.rules.compiled import about_item, compiled
from penchant.recommend.rules.document import document_of
from penchant.recommend.rules.matches import Follows
from penchant.types import Pseudonym

KINDS = (("exclude", ""), ("boost", "1"), ("bury", "1"), ("limit", "3"), ("pin", "2"), ("age", "18"))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVW"


def rows_of(count):
    """Rules on the first letters of titles; every second one holds for some people or at some hours only."""
    rows = []
    for n in range(count):
        action, amount = KINDS[n % len(KINDS)]
        rows.append({
            "rule": f'"rule {n}"', "action": f'"{action}"', "amount": amount,
            "item": f'startsWith(item.title, "{LETTERS[n % len(LETTERS)]}")',
            "person": 'person.city == "Bern" or hour >= 0' if n % 2 else "",
        })  # fmt: skip
    return rows


def timed(work, times=1):
    start = time.process_time()
    for _ in range(times):
        work()
    return 1e3 * (time.process_time() - start) / times


def lists_of(serving, people, apart):
    """Milliseconds of processor time of a list, median and 99th percentile; ``apart`` makes one."""
    times = []
    for person in people:
        maker = apart()
        start = time.process_time()
        maker.made([Wanted(person, 20, "home")], serving.shop.clock())
        times.append(1e3 * (time.process_time() - start))
    return {"median": statistics.median(times), "p99": sorted(times)[int(len(times) * 0.99)]}


def measured(serving, count, lists):
    shop, view = serving.shop, serving.shop.catalog.view()
    document = document_of(rows_of(count))
    rules, force = compiled(document, ZenRules()), serving.engine.ruling.force
    items = list(shop.items.all())[:2_000]
    whole = zen.ZenEngine().create_decision(document.decode())
    contexts = [about_item(item) | {"person": {}, "placement": "home", "hour": 3} for item in items[:500]]
    found = {
        "zen_item_and_request_us": 1e3
        * timed(lambda: [whole.evaluate(one) for one in contexts])
        / len(contexts),
        "zen_items_together_us": 1e3 * timed(lambda: rules.of_items(items)) / len(items),
        "zen_request_us": 1e3 * timed(lambda: rules.of_request({"person": {}, "hour": 3}), 200),
        "catalogue_ms": timed(lambda: Follows(rules, shop.catalog).at(view)),
    }
    people = [Pseudonym(name) for name, _, _ in shop.log.activity("", lists)]
    serving.recommender.made([Wanted(person, 20, "home") for person in people], shop.clock())
    none = force.apart(compiled(document_of([]), ZenRules()))
    some = force.apart(rules)
    for name, one in (("list_without_ms", none), ("list_with_ms", some)):
        lists_of(serving, people[:20], lambda one=one: serving.recommender.under(one))
        found[name] = lists_of(serving, people, lambda one=one: serving.recommender.under(one))
    some.about(view, people[0], "home", 1.0)
    found["about_us"] = 1e3 * timed(lambda: some.about(view, people[0], "home", 1.0), 1_000)
    item = items[0]
    changes = []
    for n in range(50):
        shop.catalog.upsert(
            [type(item)(item_id=item.item_id, title=item.title, brand=item.brand, price=n + 1.0)]
        )
        changes.append(timed(lambda: some.matches(shop.catalog.view())))
    return found | {"item_changed_ms": statistics.median(changes), "items": len(view), "rules": count}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shop", type=Path)
    parser.add_argument("--rules", type=int, default=20)
    parser.add_argument("--lists", type=int, default=300)
    given = parser.parse_args()
    serving = Serving(Shop(given.shop, writer=True))
    try:
        print(json.dumps(measured(serving, given.rules, given.lists), indent=2))
    finally:
        serving.close()


if __name__ == "__main__":
    main()
