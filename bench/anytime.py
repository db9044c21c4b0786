"""Does an experiment that is looked at every hour call a winner where there is none, and find a real one?

    python bench/anytime.py                 # 2,000 tests of each kind, one core, some minutes

A test runs for 14 days with 336 looks. People come at any time, fall into two arms by a coin and come back:
each has a rate of lists (a Gamma, so that some come daily and most once), answers lists at a rate of their
own (a Beta) and buys baskets whose size has a heavy tail (a lognormal, with each person's own level).
Nobody's events are independent.

* ``a/a``: no difference. Share of the tests that ever call a winner, at any look: with the interval of
  ``penchant ab``, beside a test for a fixed size (1.96 standard errors) at every look, and only at the last.
* ``covered``: share of the tests with a real effect whose interval holds the true difference at all looks.
* ``effect``: the second arm answers, buys or spends more, by an effect that a test of all people at once
  would find in 80% if its spread did not grow with it. Share found, and after how many people (median).
  ``longer``: the same with two and a half times the people.
* ``once``: the case in which the argument for totals that grow does not hold, for who has bought does not buy
  again: 600 people who are there from the beginning, all of whom buy once, 98% of them within the test.

Writes bench/results/anytime.json.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from penchant.metrics.sequential import Sums, anytime_difference, arm_of

RESULT = Path(__file__).parent / "results" / "anytime.json"
DAYS, LOOKS = 14.0, 336
RUNS = 2_000
LONGER = 2.5
"""Times as many people."""


class Kind(NamedTuple):
    """A shop."""

    people: int
    lists: float
    """A person makes on average, if they are there from the beginning."""
    clicks: float
    buys: float
    """Of lists, answered and followed by a basket."""
    tail: float
    """Standard deviation of the logarithm of a basket, half of it the person's own."""


SHOPS = {
    "small": Kind(people=400, lists=4, clicks=0.10, buys=0.03, tail=0.8),
    "middle": Kind(people=4_000, lists=4, clicks=0.05, buys=0.02, tail=0.8),
    "regulars": Kind(people=600, lists=60, clicks=0.05, buys=0.01, tail=0.5),
    "buyers": Kind(people=1_000, lists=6, clicks=0.30, buys=0.25, tail=1.2),
}
METRICS = ("click-through", "conversion", "revenue")


class Drawn(NamedTuple):
    """Lists of one test, by person and then by time, and each person's arm and first moment."""

    look: np.ndarray
    person: np.ndarray
    answered: np.ndarray
    amount: np.ndarray
    arm: np.ndarray
    came: np.ndarray


def draw(kind: Kind, lift: dict[str, float], rng: np.random.Generator) -> Drawn:
    n = kind.people
    arm = rng.integers(0, 2, n)
    came = rng.uniform(0, DAYS, n)
    rate = kind.lists * rng.gamma(0.7, 1 / 0.7, n)
    count = 1 + rng.poisson(rate * (1 - came / DAYS))
    person = np.repeat(np.arange(n), count)
    times = rng.uniform(came[person], DAYS)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    times[first] = came
    times = times[np.lexsort((times, person))]
    taste = rng.beta(2, 2 / kind.clicks - 2, n)
    bought = rng.beta(2, 2 / kind.buys - 2, n)
    own = rng.normal(0, kind.tail / np.sqrt(2), n)
    changed = arm[person] == 1
    chance = taste[person] * np.where(changed, 1 + lift.get("click-through", 0), 1)
    buying = bought[person] * np.where(changed, 1 + lift.get("conversion", 0), 1)
    spent = 30 * np.exp(own[person] + rng.normal(0, kind.tail / np.sqrt(2), len(person)))
    spent *= np.where(changed, 1 + lift.get("revenue", 0), 1)
    buys = rng.random(len(person)) < buying
    look = np.minimum((times * LOOKS / DAYS).astype(int), LOOKS - 1)
    return Drawn(look, person, rng.random(len(person)) < chance, np.where(buys, spent, 0.0), arm, came)


def sums(drawn: Drawn, metric: str) -> tuple[list[Sums], np.ndarray]:
    """Sums of both arms at every look, and the clock. A person's totals grow by each list."""
    begins = np.diff(drawn.person, prepend=-1) != 0
    top, ticks = tops(drawn, metric, begins)
    bottom = np.ones(len(top)) if metric == "click-through" else begins.astype(float)
    before_top, before_bottom = before(top, begins), before(bottom, begins)
    steps = (
        begins.astype(float),
        top,
        bottom,
        top * (2 * before_top + top),
        before_top * bottom + before_bottom * top + top * bottom,
        bottom * (2 * before_bottom + bottom),
    )
    arm = drawn.arm[drawn.person]
    found = [running(drawn.look + LOOKS * arm, step, 2) for step in steps]
    return [Sums(*(step[place] for step in found)) for place in (0, 1)], running(drawn.look, ticks, 1)[0]


def tops(drawn: Drawn, metric: str, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each list adds to its person's total, and to the clock."""
    bought = (drawn.amount > 0).astype(float)
    if metric == "click-through":
        return drawn.answered.astype(float), drawn.answered.astype(float)
    if metric == "revenue":
        return drawn.amount, bought
    once = bought * (before(bought, begins) == 0)
    return once, once


def before(step: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Sum of the person's earlier steps."""
    total = np.cumsum(step) - step
    starts = np.flatnonzero(begins)
    return total - np.repeat(total[starts], np.diff(np.append(starts, len(step))))


def running(place: np.ndarray, step: np.ndarray, arms: int) -> np.ndarray:
    """(arms, LOOKS) sums so far."""
    return np.cumsum(np.bincount(place, weights=step, minlength=arms * LOOKS).reshape(arms, LOOKS), axis=1)


class Judged(NamedTuple):
    """What the looks of one test said."""

    anytime: np.ndarray
    naive: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def judged(drawn: Drawn, metric: str) -> Judged:
    (first, second), clock = sums(drawn, metric)
    control, other = arm_of(first), arm_of(second)
    value, low, high = anytime_difference(control, other, clock)
    error = np.sqrt(control.error + other.error)
    enough = (np.asarray(control.people) >= 20) & (np.asarray(other.people) >= 20) & (error > 0)
    naive = enough & (np.abs(value) > 1.96 * error)
    return Judged((low > 0) | (high < 0), naive, value, low, high)


def share(values) -> dict:
    """A share of the runs with its standard error."""
    found = np.asarray(values, dtype=float)
    return {"share": round(found.mean(), 4), "error": round(float(np.sqrt(found.var() / len(found))), 4)}


def without(kind: Kind, runs: int) -> dict:
    """A/A."""
    found = {metric: [] for metric in METRICS}
    for run in range(runs):
        drawn = draw(kind, {}, np.random.default_rng([run, 1]))
        for metric in METRICS:
            one = judged(drawn, metric)
            found[metric].append((one.anytime.any(), one.naive.any(), one.naive[-1]))
    names = ("anytime", "fixed size, every look", "fixed size, last look")
    return {
        metric: {name: share(part) for name, part in zip(names, zip(*rows, strict=True), strict=True)}
        for metric, rows in found.items()
    }


def effect_of(kind: Kind, metric: str) -> float:
    """A relative effect that a fixed-size test of all people finds in 80%, from 200 tests without any."""
    means, errors = [], []
    for run in range(200):
        (first, second), _ = sums(draw(kind, {}, np.random.default_rng([run, 2])), metric)
        arms = arm_of(first), arm_of(second)
        means.append(np.mean([arm.mean[-1] for arm in arms]))
        errors.append(np.sqrt(sum(arm.error[-1] for arm in arms)))
    return float(2.80 * np.mean(errors) / np.mean(means))


def with_effect(kind: Kind, metric: str, lift: float, runs: int) -> dict:
    found, people, rows = [], [], []
    for run in range(runs):
        drawn = draw(kind, {metric: lift}, np.random.default_rng([run, 3]))
        one = judged(drawn, metric)
        found.append((one.anytime.any(), one.naive[-1]))
        rows.append(one)
        if one.anytime.any():
            when = (int(one.anytime.argmax()) + 1) * DAYS / LOOKS
            people.append((drawn.came <= when).mean())
    # Not every run has its own truth: that at a look is the mean of all runs.
    truth = np.nanmean([one.value for one in rows], axis=0)
    covered = [((one.low <= truth) & (truth <= one.high))[48:].all() for one in rows]
    anytime, fixed = zip(*found, strict=True)
    return {
        "lift": round(lift, 3),
        "anytime": share(anytime),
        "fixed size, last look": share(fixed),
        "wrong way": share([(one.anytime & (one.value < 0)).any() for one in rows]),
        "people at the winner, median share of all": round(float(np.median(people)), 3) if people else None,
        "covered": share(covered),
    }


def once(runs: int, within: float = 0.98, people: int = 600) -> dict:
    """A/A where what a person did rules out that they do it again."""
    called = []
    for run in range(runs):
        rng = np.random.default_rng([run, 5])
        arm, when = rng.integers(0, 2, people), rng.random(people) * LOOKS / within
        arms, clock = [], np.zeros(LOOKS)
        for place in (0, 1):
            mine = when[(arm == place) & (when < LOOKS)].astype(int)
            bought, count = running(mine, np.ones(len(mine)), 1)[0], np.full(LOOKS, (arm == place).sum())
            arms.append(arm_of(Sums(count, bought, count, bought, bought, count)))
            clock += bought
        _, low, high = anytime_difference(*arms, clock)
        called.append(((low > 0) | (high < 0)).any())
    return {"within": within, "people": people, "anytime": share(called)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--shops", default=",".join([*SHOPS, "once"]))
    asked = parser.parse_args()
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    result |= {"runs": asked.runs, "looks": LOOKS, "level": 0.95}
    for name in asked.shops.split(","):
        begun = time.process_time()
        if name == "once":
            result[name] = once(asked.runs)
            print(name, json.dumps(result[name]), flush=True)
            continue
        kind = SHOPS[name]
        result[name] = {
            "shop": kind._asdict(),
            "a/a": without(kind, asked.runs),
            "effect": {},
            "longer": {},
        }
        longer = kind._replace(people=round(LONGER * kind.people))
        for metric in METRICS:
            lift = effect_of(kind, metric)
            result[name]["effect"][metric] = with_effect(kind, metric, lift, asked.runs // 4)
            result[name]["longer"][metric] = with_effect(longer, metric, lift, asked.runs // 4)
        print(name, json.dumps(result[name], indent=1), f"{time.process_time() - begun:.0f} s", flush=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
