"""What does exploration cost, and how soon does it find what is good? ``python bench/exploration.py``

The simulated shop (``testing/simulated``), in which the chance that a person wants an item is known. A taste
model stands for the shop's own: it knows the truth of the items that were there, and of new items only that
they are of their kind, of which they may be better or worse than the mean. Each request shows a list of 10 to
somebody; a place is looked at with chance 1/log2(place + 2), and an item that is looked at is answered with a
chance in proportion to how much it is wanted. A share of the places is drawn: uniformly, which is ε-greedy,
or by Thompson sampling, both by the code that serves.

What serves learns from answers as well, in the same way whatever is drawn: a learner knows the chance that
the taste model expected of each place of each list, and how each item was answered, and moves the score by
how much more or less that was. (In a shop ``learn/`` does that.) Regret is expected answers of the best list,
less those of the one shown. Good new items are those that most of the 50 people who want them most would see
if all were known, and not half as many by the taste model. Such an item is found since when half of those
who would see it do, without exploration, and to the end: what noise lifts for a while is not found. One that
is not found counts as long as all requests.

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
from penchant.recommend.exploration.learned import PRIOR, TAKEN, Learned
from penchant.recommend.exploration.stage import Exploration
from penchant.recommend.request import Ranked, Request, Spare, Wanted
from penchant.settings import ExplorationSettings
from penchant.testing.simulated import SimulatedSettings, SimulatedShop
from penchant.types import Impression, Item, Pseudonym, Reason, Recommendation
from quality import say
from tables import RESULTS

PLACES, NEW, FANS = 10, 100, 50
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
    house, found = House(seed), {"requests": requests}
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
        level = ANSWERED / np.median(truth.max(axis=1))
        self.answers = np.minimum(1.0, level * truth)
        self.believed = np.minimum(1.0, level * known)
        self.scores = np.log(known).astype(np.float32)
        self.best = np.sort(self.answers, axis=1)[:, ::-1][:, :PLACES] @ LOOKED_AT
        self.wanting = {item: np.argsort(-truth[:, item])[:FANS] for item in new.tolist()}
        seen = {item: fans(self, np.log(truth), item) for item in self.wanting}
        self.good = {
            item: share / 2
            for item, share in seen.items()
            if share >= 0.5 and fans(self, self.scores, item) < share / 2
        }
        """And the share of the people who want them that is to have them in their list."""
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
    allowed = np.ones(len(house.names), dtype=bool)
    regret, curve, since, spent = 0.0, [], dict.fromkeys(house.good, requests), 0.0
    learner = Learner(house)
    for request in range(requests):
        if request % 100 == 0:
            scores = learner.scores()
            there = {one: fans(house, scores, one) >= share for one, share in house.good.items()}
            since = {one: min(since[one], request) if there[one] else requests for one in since}
        person = int(rng.integers(len(scores)))
        best = top_k(scores[person], allowed, PLACES + given.candidates)
        ranked = [(int(row), float(scores[person, row]), BY_SCORE) for row in best[:PLACES]]
        asked = Request(
            Wanted(Pseudonym("p"), PLACES, "home"), house.view, Pseudonym("p"), (), allowed, -1, 0.0
        )
        begun = time.process_time()
        shown, _ = stage.explored(asked, ranked, Spare(best[PLACES:], scores[person, best[PLACES:]]))
        spent += time.process_time() - begun
        listed = np.array([row for row, _, _ in shown])
        chances = house.answers[person, listed] * LOOKED_AT
        regret += float(house.best[person] - chances.sum())
        answered = rng.random(PLACES) < chances
        learner.learn(person, listed, answered)
        told(log, str(request), shown, answered)
        if (request + 1) % 5_000 == 0:
            curve.append(round(regret, 1))
    return {"regret": regret, "curve": curve, "found": since, "microseconds": 1e6 * spent / requests}


class Learner:
    """How much more, or less, each item is answered than the taste model expected, as far as is known."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._expected = PRIOR + TAKEN * house.takers
        self._answers = self._expected.copy()

    def learn(self, person: int, listed: np.ndarray, answered: np.ndarray) -> None:
        """A list that was shown."""
        self._expected[listed] += self._house.believed[person, listed] * LOOKED_AT
        self._answers[listed] += answered

    def scores(self) -> np.ndarray:
        """Of all people and items."""
        return self._house.scores + np.log(self._answers / self._expected).astype(np.float32)


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
    """Means over seeds, and over all good items of all of them."""
    made = {}
    for method in METHODS:
        times = [time for one in runs for time in one[method]["found"].values()]
        made[method] = {
            "regret": float(np.mean([one[method]["regret"] for one in runs])),
            "good": len(times),
            "found": sum(time < one["requests"] for one in runs for time in one[method]["found"].values()),
            "found after": float(np.mean(times)),
            "microseconds": float(np.mean([one[method]["microseconds"] for one in runs])),
        }
    return made


def table(found: dict) -> list[str]:
    """As Markdown."""
    lines = [
        "| | regret | to uniform | good items found | after requests, mean | to uniform | µs |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for title, one in found.items():
        for method in METHODS:
            row, uniform = one[method], one["uniform"]
            lines.append(
                f"| {title}, {method} | {row['regret']:,.0f} | {row['regret'] / uniform['regret']:.2f} | "
                f"{row['found']} of {row['good']} | {row['found after']:,.0f} | "
                f"{row['found after'] / uniform['found after']:.2f} | {row['microseconds']:.0f} |"
            )
    return lines


if __name__ == "__main__":
    main()
