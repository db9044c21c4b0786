"""What does exploration cost, and how soon does it find what is good? ``python bench/exploration.py``

The simulated shop (``testing/simulated``), in which the chance that a person wants an item is known. A taste
model stands for the shop's own: it knows the truth of the items that were there, and of new items only that
they are of their kind, of which they may be better or worse than the mean. Each request shows a list of 10 to
somebody; a place is looked at with chance 1/log2(place + 2), and an item that is looked at is answered with a
chance in proportion to how much it is wanted. A share of the places is drawn: uniformly, which is ε-greedy,
or by Thompson sampling, both by the code that serves.

What serves learns from answers as well: lists are ordered by the score and the mean of the appeal that the
same log teaches, for both in the same way. In a shop the learner does that (``learn/``). Regret is expected
answers of the best list, less those of the one shown. The good new items are the ten best of those that most
of the 50 people who want them most would not see by their score; such an item is found when half of these
people have it in their list by its score.

Writes bench/results/exploration.json.
"""

import argparse
import json
import time

import msgspec
import numpy as np

from penchant.catalog.view import view_of
from penchant.recommend.candidates import top_k
from penchant.recommend.exploration.feedback import Answer, Feedback
from penchant.recommend.exploration.learned import Learned
from penchant.recommend.exploration.stage import Exploration
from penchant.recommend.request import Ranked, Request, Spare, Wanted
from penchant.settings import ExplorationSettings
from penchant.testing.simulated import SimulatedSettings, SimulatedShop
from penchant.types import Impression, Item, Pseudonym, Reason, Recommendation
from quality import say
from tables import RESULTS

PLACES, NEW, GOOD, FANS = 10, 100, 10, 50
LOOKED_AT = 1 / np.log2(np.arange(2, PLACES + 2))
SPREAD, TAKERS = 1.2, 100.0
"""Standard deviation of the logarithm of what new items are wanted more or less than the mean of their kind;
people who took each of the others, about which nothing is left to learn."""
ANSWERED = 0.3
"""Chance that somebody takes the item that is wanted most, when it is looked at, at the median."""
METHODS = {"none": {"share": 0.0}, "uniform": {"method": "uniform"}, "thompson": {"method": "thompson"}}
BY_SCORE = Reason(kind="popular")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--shares", default="0.1")
    options = parser.parse_args()
    found: dict[str, dict] = {}
    for share in map(float, options.shares.split(",")):
        runs = [both(share, int(seed), options.requests) for seed in options.seeds.split(",")]
        found[f"share {share:g}"] = summary(runs) | {"runs": runs}
        print(*table(found), sep="\n", flush=True)
        (RESULTS / "exploration.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def both(share: float, seed: int, requests: int) -> dict:
    """The same shop, people and answers for each way."""
    house, found = House(seed), {}
    for method in ("none", "uniform", "thompson"):
        found[method] = run(house, method, ExplorationSettings(share=share), seed, requests)
        say(f"share {share:g}, seed {seed}, {method}: {found[method]['regret']:.0f}")
    return found


class House:
    """People, what they want, and what is believed of it."""

    def __init__(self, seed: int) -> None:
        settings = SimulatedSettings(people=500, items=1_000, interests=20, events=1_000, seed=seed).still()
        shop, everybody = SimulatedShop(settings), np.arange(settings.people)
        truth = shop.probabilities(everybody, settings.start).astype(np.float64)
        known, kinds = truth.copy(), shop.goods.interests
        new = np.random.default_rng(seed).permutation(settings.items)[:NEW]
        appeal = np.exp(np.random.default_rng((seed, 3)).normal(-(SPREAD**2) / 2, SPREAD, NEW))
        for item, times in zip(new.tolist(), appeal.tolist(), strict=True):
            kin = truth[:, np.setdiff1d(np.flatnonzero(kinds == kinds[item]), new)]
            known[:, item] = kin.mean(axis=1)
            truth[:, item] = times * known[:, item]
        self.answers = np.minimum(1.0, ANSWERED * truth / np.median(truth.max(axis=1)))
        self.scores = np.log(known).astype(np.float32)
        self.best = np.sort(self.answers, axis=1)[:, ::-1][:, :PLACES] @ LOOKED_AT
        self.wanting = {item: np.argsort(-truth[:, item])[:FANS] for item in new.tolist()}
        hidden = [item for item in new[np.argsort(-appeal)].tolist() if fans(self, self.scores, item) < 0.5]
        self.good = hidden[:GOOD]
        self.takers = np.full(settings.items, TAKERS)
        self.takers[new] = 0.0
        self.names = [str(row) for row in range(settings.items)]
        self.view = view_of(1, self.names, {row: Item(item_id=name) for row, name in enumerate(self.names)})


def run(house: House, method: str, given: ExplorationSettings, seed: int, requests: int) -> dict:
    """Regret, and after how many requests each good item was found, of one way."""
    rng, learned = np.random.default_rng((seed, 1)), Learned()

    def taken(rows: np.ndarray, _: float) -> np.ndarray:
        return house.takers[rows]

    given = msgspec.structs.replace(given, **METHODS[method])
    stage = Exploration(given, learned, lambda _: True, taken, np.random.default_rng((seed, 2)))
    log = Feedback(learned, lambda names: np.array([int(name) for name in names]), lambda _: True)
    allowed, rows = np.ones(len(house.names), dtype=bool), np.arange(len(house.names))
    regret, curve, found, spent = 0.0, [], {}, 0.0
    scores = house.scores
    for request in range(requests):
        if request % 100 == 0:
            means, variances = learned.appeal("home", rows, house.takers)
            scores = house.scores + (means + variances / 2).astype(np.float32)
            found |= {
                one: request for one in house.good if one not in found and fans(house, scores, one) >= 0.5
            }
        person = int(rng.integers(len(scores)))
        best = top_k(scores[person], allowed, PLACES + given.candidates)
        ranked = [(int(row), float(scores[person, row]), BY_SCORE) for row in best[:PLACES]]
        asked = Request(
            Wanted(Pseudonym("p"), PLACES, "home"), house.view, Pseudonym("p"), (), allowed, -1, 0.0
        )
        begun = time.process_time()
        shown, _ = stage.explored(asked, ranked, Spare(best[PLACES:], scores[person, best[PLACES:]]))
        spent += time.process_time() - begun
        chances = house.answers[person, [row for row, _, _ in shown]] * LOOKED_AT
        regret += float(house.best[person] - chances.sum())
        told(log, str(request), shown, rng.random(PLACES) < chances)
        if (request + 1) % 5_000 == 0:
            curve.append(round(regret, 1))
    return {"regret": regret, "curve": curve, "found": found, "microseconds": 1e6 * spent / requests}


def fans(house: House, scores: np.ndarray, item: int) -> float:
    """Share of those who want an item most who have it in their list by its score."""
    theirs = scores[house.wanting[item]]
    return float(((theirs > theirs[:, [item]]).sum(axis=1) < PLACES).mean())


def told(log: Feedback, name: str, shown: Ranked, answered: np.ndarray) -> None:
    """A list and its answers, as the log has them."""
    items = tuple(
        Recommendation(item_id=str(row), score=score, position=place, reason=reason)
        for place, (row, score, reason) in enumerate(shown)
    )
    person = Pseudonym("p" + name)
    log.lists([
        Impression(
            recommendation_id=name, user_id=person, timestamp=0.0, placement="home", items=items, snapshot="s"
        )
    ])  # fmt: skip
    log.answers(Answer(person, str(shown[place][0]), 1.0, name) for place in np.flatnonzero(answered))


def summary(runs: list[dict]) -> dict:
    """Means over seeds; who found nothing in time counts as long as all of it."""
    made = {}
    for method in METHODS:
        times = [list(one[method]["found"].values()) for one in runs]
        last = [value for values in times for value in values]
        made[method] = {
            "regret": float(np.mean([one[method]["regret"] for one in runs])),
            "found": len(last) / len(runs),
            "half found after": mean_of([half_of(values) for values in times]),
            "microseconds": float(np.mean([one[method]["microseconds"] for one in runs])),
        }
    return made


def in_words(requests: float | None) -> str:
    return "never" if requests is None else f"{requests:,.0f}"


def mean_of(values: list[float | None]) -> float | None:
    """None where one of them is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def half_of(values: list[int]) -> float | None:
    """Requests until half of the good items were found; None where they were not."""
    return float(sorted(values)[GOOD // 2 - 1]) if len(values) >= GOOD // 2 else None


def table(found: dict) -> list[str]:
    """As Markdown."""
    lines = [
        "| | regret | to uniform | good items found (of 10) | half of them after requests | µs |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for title, one in found.items():
        for method in METHODS:
            row, uniform = one[method], one["uniform"]["regret"]
            lines.append(
                f"| {title}, {method} | {row['regret']:,.0f} | {row['regret'] / uniform:.2f} | "
                f"{row['found']:.1f} | {in_words(row['half found after'])} | {row['microseconds']:.0f} |"
            )
    return lines


if __name__ == "__main__":
    main()
