"""Do the off-policy estimates tell what another policy earns, with the sureness that they claim?

    python bench/offpolicy.py                  # Open Bandit, and 2,000 logs of a simulated shop; one core
    python bench/offpolicy.py --part bandit
    python bench/offpolicy.py --part rare      # half of the lists, fewer clicks: less to learn from

* ``bandit``: the men's sample of the Open Bandit data (Saito et al., NeurIPS Datasets 2021, CC BY 4.0). From
  10,000 impressions of the uniform policy the click rate of the Bernoulli Thompson policy is estimated and
  compared with what that policy's own 10,000 impressions had. Its chances move with the day, so those of an
  item and place are taken from its own log: the nearest in time.
* ``simulated``: people of a simulated shop, each shown one of ten items, by a policy that knows what is
  popular and explores half of the time. Estimated is a policy that knows what each person took before. A
  person clicks if the item is among the next fifty things they would take; the true value is computed, not
  drawn. Coverage of the 95% intervals over 2,000 logs, their width, and how often the doubly robust one is
  the narrowest. Its reward model is cross-fitted in two parts.
* ``rare``: the same with half of the lists, twenty things instead of fifty, 300 logs.

Writes bench/results/offpolicy.json.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from penchant.adapters.lightgbm_rewards import TreeRewards
from penchant.evaluate.rewards import Choices, cross_fitted
from penchant.metrics.offpolicy import Estimate, Overlap, doubly_robust, ips, snips, weights
from penchant.testing.simulated import SimulatedSettings, SimulatedShop

RESULT = Path(__file__).parent / "results" / "offpolicy.json"
DATA = Path("/work/shared/data")
RUNS, DECISIONS = 2_000, 6_000
CANDIDATES, TAKEN = 10, 50
EXPLORED = 0.5
"""Share of the lists that the logging policy draws evenly."""
NAMES = ("ips", "snips", "doubly robust")

make = partial(TreeRewards, threads=1)


def estimates(
    logged: np.ndarray,
    wanted: np.ndarray,
    reward: np.ndarray,
    model: tuple[np.ndarray, np.ndarray],
    clip: float = np.inf,
) -> tuple[list[Estimate], Overlap]:
    weight, overlap = weights(logged, wanted, clip)
    return [ips(weight, reward), snips(weight, reward), doubly_robust(weight, reward, model)], overlap


# Open Bandit


def bandit(data: Path) -> dict:
    """From the uniform log to the Thompson policy."""
    log, other = (pq.read_table(data / f"open-bandit-{name}-men" / "log.parquet").to_pandas()
                  for name in ("random", "bts"))  # fmt: skip
    chances = thompson(log, other)
    rows, items = np.arange(len(log)), log.item_id.to_numpy()
    reward = log.click.to_numpy().astype(float)
    of_all = features(log, np.tile(np.arange(chances.shape[1]), len(log)), chances.shape[1])
    of_shown = of_all.reshape(len(log), chances.shape[1], -1)[rows, items]
    choices = Choices(np.repeat(rows, chances.shape[1]), of_all, chances.ravel())
    model = cross_fitted(make, (of_shown, reward), choices, rows)
    found = {"clicks": int(reward.sum()), "uniform": round(reward.mean(), 5)}
    own = other.click.mean()
    found["on policy"] = {
        "value": round(own, 5),
        "interval": [round(own + sign * 1.96 * np.sqrt(own * (1 - own) / len(other)), 5) for sign in (-1, 1)],
        "clicks": int(other.click.sum()),
    }
    for clip in (np.inf, 5.0):
        made, overlap = estimates(log.propensity_score.to_numpy(), chances[rows, items], reward, model, clip)
        part = {
            name: {
                "value": round(one.interval.value, 5),
                "interval": [round(one.interval.low, 5), round(one.interval.high, 5)],
                "covers": bool(one.interval.low <= own <= one.interval.high),
            }
            for name, one in zip(NAMES, made, strict=True)
        }
        part["overlap"] = {name: round(getattr(overlap, name), 4) for name in Overlap.__slots__}
        found[f"clipped at {clip:g}" if np.isfinite(clip) else "not clipped"] = part
    return found


def thompson(log, other) -> np.ndarray:
    """(D, A): the chance that the Thompson policy gave each item at that place and moment."""
    found = np.zeros((len(log), int(max(log.item_id.max(), other.item_id.max())) + 1))
    moments = log.timestamp.astype("datetime64[ns, UTC]").astype(np.int64).to_numpy()
    places = log.position.to_numpy()
    for (item, place), seen in other.groupby(["item_id", "position"]):
        times = np.sort(seen.timestamp.astype("datetime64[ns, UTC]").astype(np.int64).to_numpy())
        order = np.argsort(seen.timestamp.to_numpy(), kind="stable")
        chance = seen.propensity_score.to_numpy()[order]
        here = places == place
        after = np.clip(np.searchsorted(times, moments[here]), 1, len(times) - 1)
        nearer = after - (moments[here] - times[after - 1] < times[after] - moments[here])
        found[here, item] = chance[nearer]
    return found / found.sum(axis=1, keepdims=True)


def features(log, items: np.ndarray, count: int) -> np.ndarray:
    """(D · A, F): the item, its place, the hour, the person's affinity to it."""
    repeated = np.repeat(np.arange(len(log)), count)
    hours = log.timestamp.astype("datetime64[ns, UTC]").dt.hour.to_numpy()
    affinity = log[[f"user-item_affinity_{item}" for item in range(count)]].to_numpy().ravel()
    return np.stack([items, log.position.to_numpy()[repeated], hours[repeated], affinity], axis=1).astype(
        float
    )


# A simulated shop


class World:
    """People, ten items for each, the chances of both policies and of a click, and what is known of them."""

    def __init__(self, taken: int = TAKEN, decisions: int = DECISIONS, seed: int = 0) -> None:
        self.decisions = decisions
        shop = SimulatedShop(SimulatedSettings(people=2_000, items=400, events=60_000, seed=seed))
        histories = shop.draw()
        now = shop.taste.edges[-2]
        past = histories.times < now
        people, items = histories.person_of_event()[past], histories.items[past]
        popular = np.bincount(items, minlength=400).astype(float)
        kinds = shop.goods.interests
        counts = np.zeros((2_000, 20))
        np.add.at(counts, (people, kinds[items]), 1.0)
        rng = np.random.default_rng([seed, 1])
        chosen = np.stack([rng.choice(400, CANDIDATES, replace=False) for _ in range(2_000)])
        rows = np.arange(2_000)[:, None]
        truth = shop.probabilities(np.arange(2_000), now)[rows, chosen].astype(float)
        self.clicks = 1 - (1 - truth) ** taken
        share = (counts + 0.5)[rows, kinds[chosen]] / (counts + 0.5).sum(axis=1, keepdims=True)
        self.logging = EXPLORED / CANDIDATES + (1 - EXPLORED) * softmax(np.log(popular + 1)[chosen])
        self.target = 0.2 / CANDIDATES + 0.8 * softmax(np.log(share * (popular + 1)[chosen]))
        self.value = float((self.target * self.clicks).sum(axis=1).mean())
        known = [share, np.log(popular + 1)[chosen], shop.goods.prices[chosen], kinds[chosen],
                 np.broadcast_to(counts.sum(axis=1, keepdims=True), chosen.shape)]  # fmt: skip
        self.features = np.stack(known, axis=2).astype(float)

    def log(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """People, what they were shown, whether they clicked."""
        people = rng.integers(0, len(self.clicks), self.decisions)
        height = np.cumsum(self.logging[people], axis=1)
        shown = np.minimum((height <= rng.random(self.decisions)[:, None]).sum(axis=1), CANDIDATES - 1)
        return people, shown, (rng.random(self.decisions) < self.clicks[people, shown]).astype(float)


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def one_log(world: World, run: int) -> tuple[list[Estimate], Overlap]:
    people, shown, reward = world.log(np.random.default_rng([run, 4]))
    rows = np.arange(len(people))
    of_all = world.features[people].reshape(len(people) * CANDIDATES, -1)
    choices = Choices(np.repeat(rows, CANDIDATES), of_all, world.target[people].ravel())
    told = cross_fitted(make, (world.features[people, shown], reward), choices, people, folds=2)
    return estimates(world.logging[people, shown], world.target[people, shown], reward, told)


def simulated(world: World, runs: int) -> dict:
    begun, made, overlaps = time.process_time(), [], []
    for run in range(runs):
        found, overlap = one_log(world, run)
        made.append([one.interval for one in found])
        overlaps.append(overlap)
    bounds = np.array(made)  # (runs, estimators, 3)
    width = bounds[:, :, 2] - bounds[:, :, 1]
    inside = (bounds[:, :, 1] <= world.value) & (world.value <= bounds[:, :, 2])
    result = {
        "runs": runs, "decisions": world.decisions, "truth": round(world.value, 5),
        "logged": round(float((world.logging * world.clicks).sum(axis=1).mean()), 5),
        "effective": round(float(np.mean([one.effective for one in overlaps]))),
        "largest weight": round(float(np.max([one.largest for one in overlaps])), 1),
        "processor_s": round(time.process_time() - begun),
        "doubly robust is the narrowest": round(float((width.argmin(axis=1) == 2).mean()), 4),
    }  # fmt: skip
    for place, name in enumerate(NAMES):
        result[name] = {
            "covered": round(float(inside[:, place].mean()), 4),
            "width": round(float(width[:, place].mean()), 5),
            "bias": round(float(bounds[:, place, 0].mean() - world.value), 5),
            "spread": round(float(bounds[:, place, 0].std()), 5),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--part", choices=("bandit", "simulated", "rare", "all"), default="all")
    asked = parser.parse_args()
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    if asked.part in ("bandit", "all"):
        result["bandit"] = bandit(asked.data)
        print(json.dumps(result["bandit"], indent=1), flush=True)
    if asked.part in ("simulated", "all"):
        result["simulated"] = simulated(World(), asked.runs)
        print(json.dumps(result["simulated"], indent=1), flush=True)
    if asked.part in ("rare", "all"):
        result["rare"] = simulated(World(taken=20, decisions=DECISIONS // 2), 300)
        print(json.dumps(result["rare"], indent=1), flush=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
