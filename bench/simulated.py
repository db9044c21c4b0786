"""What is learned, kept and let in where the truth is known: ways of learning in a simulated shop.

    python bench/simulated.py                  # three shops, the arms live-state, online, naive; poison
    python bench/simulated.py --seeds 0 --part stream

Each shop (3,000 people, 1,000 items, 120,000 purchases in 300 days) is trained on its first 7%. The rest is
asked in 10 blocks, every basket before it is learned. A fifth of the people change their taste at 65% of the
time; a tenth have an interest that sleeps from 10% to 90%; a tenth of the items arrive on the way; a fashion
passes; tastes drift. Figures are of these:

* ``shock``: NDCG@10 of the people who changed, by how many events of their own ago; how much of the loss is
  made good.
* ``dormant``: of the interest that sleeps, before and after its sleep: all that is taken of it, and what is
  taken after the first time that it was awake (which nobody can foresee).
* ``new_items_hr``: HR@10 of items that came after the training, by how often anybody took them before, and of
  old ones that the person takes for the first time.
* ``poison``: fake accounts (1% of people) push 5 items that nobody wants with 1% of all events, clicks or
  purchases; how often those items are among the first 50 of 2,000 real people's lists, to without fakes.

Writes bench/results/simulated.json.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from penchant.evaluate.arms import Arm, make_arms
from penchant.evaluate.stream import first_model, run_arm
from penchant.evaluate.stream_asking import NDCG, ArmRun, Asker, beside, quality
from penchant.evaluate.stream_cut import Stream, StreamPlan, open_stream
from penchant.evaluate.stream_online import TableLearner
from penchant.model.scoring import score_blocks
from penchant.model.settings import ModelSettings
from penchant.testing.simulated import SimulatedSettings, SimulatedShop, expected_ndcg, poisoned
from penchant.types import EventType

RESULT = Path(__file__).parent / "results" / "simulated.json"
SHOP = SimulatedSettings(people=3_000, items=1_000, events=120_000)
TRAINED, ASLEEP, AWAKE = 0.07, 0.1, 0.9
OWN = {"0": (0, 0), "1-2": (1, 2), "3-5": (3, 5), "6-10": (6, 10), "11-20": (11, 20), "more": (21, 10**9)}
TAKEN = {"0": (0, 0), "1-4": (1, 4), "5-10": (5, 10), "11-20": (11, 20), "more": (21, 10**9)}
LISTED, ASKED = 50, 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--arms", default="live-state,online,naive")
    parser.add_argument("--minutes", type=float, default=1.0, help="limit on the first training")
    parser.add_argument("--part", choices=("stream", "poison", "all"), default="all")
    asked = parser.parse_args()
    found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    settings = ModelSettings(time_budget_s=60 * asked.minutes, threads=1)
    for seed in map(int, asked.seeds.split(",")):
        shop = SimulatedShop(replace(SHOP, seed=seed))
        if asked.part != "poison":
            found.setdefault("stream", {})[str(seed)] = stream_of(shop, asked.arms.split(","), settings)
            show(found["stream"][str(seed)])
        if asked.part != "stream":
            found.setdefault("poison", {})[str(seed)] = poison_of(shop, settings)
            show(found["poison"][str(seed)])
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def show(found: dict) -> None:
    for name, row in found.items():
        print(name, json.dumps(row), flush=True)


def opened(shop: SimulatedShop, histories, arms: tuple[str, ...] = ("online",)) -> Stream:
    cut = shop.settings.start + TRAINED * shop.settings.seconds
    return open_stream(histories, shop.table(), StreamPlan(arms=arms, cut=cut, blocks=10, matrix=False))


def stream_of(shop: SimulatedShop, arms: list[str], settings: ModelSettings) -> dict:
    """All figures of one shop, by arm."""
    stream = opened(shop, shop.draw(), tuple(arms))
    base, _ = first_model(stream, settings, shop.settings.seed)
    truth = Truth(shop, stream)
    found = {"oracle": round(float(np.mean(truth.oracle())), 4)}
    for arm in make_arms(arms):
        begun = time.process_time()
        run = run_arm(stream, base, arm, shop.settings.seed)
        found[arm.name] = truth.figures(run) | {"processor_s": round(time.process_time() - begun)}
        found[arm.name]["learning_s"] = round(float(run.seconds.sum()), 1)
    return found


class Truth:
    """What is known of each question (a basket) and of each item in it."""

    def __init__(self, shop: SimulatedShop, stream: Stream) -> None:
        self.shop, self.stream, taste = shop, stream, shop.taste
        questions = stream.split.questions
        self.people, self.times = questions.contexts.people, questions.contexts.times
        self.share = (self.times - shop.settings.start) / shop.settings.seconds
        full = stream.split.full
        self.changed = taste.changed[self.people]
        self.own = self._since(full, self.people, self.times, taste.shock)
        self.dormant = np.isin(self.people, taste.returning)
        self.interest = shop.goods.interests[questions.items] == taste.returning_interest
        order = np.argsort(full.times, kind="stable")
        self.before = self._taken(full.items[order], full.times[order], questions)
        start = shop.settings.start + TRAINED * shop.settings.seconds
        self.new = shop.goods.arrivals[questions.items] > start
        self.owner = questions.owner
        self.first = self._first(full, questions)
        self.awakened = self._awakened(full)
        late = order[full.times[order] >= taste.shock]
        self.later = full.times[late[10_000]] if len(late) > 10_000 else np.inf

    @staticmethod
    def _first(full, questions) -> np.ndarray:
        """Whether each relevant item is one that the person never took before, (R,)."""
        pairs = full.person_of_event() * 1_000_000 + full.items
        order = np.lexsort((full.times, pairs))
        keys, begins = np.unique(pairs[order], return_index=True)
        mine = questions.contexts.people[questions.owner] * 1_000_000 + questions.items
        return (
            full.times[order][begins[np.searchsorted(keys, mine)]]
            >= questions.contexts.times[questions.owner]
        )

    def _awakened(self, full) -> np.ndarray:
        """Takings of the interest that sleeps by each question's person while it is awake this time, (Q,)."""
        taste, goods = self.shop.taste, self.shop.goods
        here = goods.interests[full.items] == taste.returning_interest
        keys = np.sort(full.person_of_event()[here] * 4e9 + full.times[here])
        begins = np.array([begin for begin, _ in taste.awake])
        since = begins[np.maximum(np.searchsorted(begins, self.times, side="right") - 1, 0)]
        return np.searchsorted(keys, self.people * 4e9 + self.times) - np.searchsorted(
            keys, self.people * 4e9 + since
        )

    @staticmethod
    def _since(full, people, times, shock: float) -> np.ndarray:
        """Events of each question's person between the shock and the question, -1 before it."""
        keys = full.person_of_event() * 4e9 + full.times
        first = np.searchsorted(keys, people * 4e9 + shock)
        return np.where(times < shock, -1, np.searchsorted(keys, people * 4e9 + times) - first)

    @staticmethod
    def _taken(items, times, questions) -> np.ndarray:
        """How often each relevant item was taken before its question, (R,)."""
        keys = np.sort(items * 4e9 + times)
        moment = questions.contexts.times[questions.owner]
        return np.searchsorted(keys, questions.items * 4e9 + moment) - np.searchsorted(
            keys, questions.items * 4e9
        )

    def oracle(self) -> np.ndarray:
        """Expected NDCG@10 of a single next item at a thousand questions."""
        some = np.linspace(0, len(self.people) - 1, 1_000).astype(int)
        scores = self.shop.probabilities(self.people[some], self.times[some])
        return expected_ndcg(scores, scores)

    def figures(self, run: ArmRun) -> dict:
        ndcg = quality(self.stream, run.ranks)[NDCG]
        hit = run.ranks <= 10
        shock = {"before": mean(ndcg[self.changed & (self.own < 0) & (self.share > 0.55)])}
        for name, (low, high) in OWN.items():
            shock[name] = mean(ndcg[self.changed & (self.own >= low) & (self.own <= high)])
        lost = shock["before"] - shock["0"]
        shock["made_good_after_5"] = round((shock["6-10"] - shock["0"]) / lost, 3) if lost > 0 else None
        after = self.changed & (self.times >= self.later)
        shock["made_good_after_10000_of_all"] = round((mean(ndcg[after]) - shock["0"]) / lost, 3)
        asleep = self.dormant[self.owner] & self.interest
        only = quality(self.stream, run.ranks, asleep)[NDCG]
        dormant = {}
        for name, known in (("any", self.awakened >= 0), ("after_the_first", self.awakened > 0)):
            old = mean(only[known & (self.share < ASLEEP)])
            new = mean(only[known & (self.share >= AWAKE)])
            dormant[name] = {"before": old, "after": new, "ratio": round(new / old, 3)}
        takings = {name: mean(hit[self.new & within(self.before, span)]) for name, span in TAKEN.items()}
        return {
            "ndcg": mean(ndcg),
            "shock": shock,
            "dormant": dormant,
            "new_items_hr": takings | {"old": mean(hit[~self.new & self.first])},
        }


def within(values: np.ndarray, span: tuple[int, int]) -> np.ndarray:
    return (values >= span[0]) & (values <= span[1])


def mean(values: np.ndarray) -> float:
    kept = values[np.isfinite(values)]
    return round(float(kept.mean()), 4) if len(kept) else float("nan")


def poison_of(shop: SimulatedShop, settings: ModelSettings) -> dict:
    """How often pushed items are listed, by kind of fake and arm, and to without fakes."""
    clean = shop.draw()
    found = {}
    for kind in (EventType.CLICK, EventType.PURCHASE):
        bad = poisoned(shop, clean, kind=kind)
        for arm in make_arms(["online", "naive"]):
            without = listed(shop, clean, arm, settings, bad.items)
            with_them = listed(shop, bad.histories, arm, settings, bad.items)
            found[f"{kind.value}, {arm.name}"] = {
                "clean": without, "poisoned": with_them, "times": round(with_them / max(without, 1e-9), 2)
            }  # fmt: skip
    return found


def listed(shop: SimulatedShop, histories, arm: Arm, settings: ModelSettings, items: np.ndarray) -> float:
    """Share of real people's first 50 places, times 50 / 5, that the items have at the end of the stream."""
    stream = opened(shop, histories)
    model, _ = first_model(stream, settings, 0)
    asker, learner = Asker.of(stream, live=True), None
    for block in range(stream.blocks + 1):
        turn = stream.turn(block, block)
        found = arm.turn(model, turn)
        assert found is not None
        if arm.tables is not None and (learner is None or found is not model):
            learner = TableLearner.start(found, asker, arm.tables, turn)
        model = found
        if learner is not None and block < stream.blocks:
            learner.ask(block, time.process_time)
    rows = model.item_scores()
    rows = rows if learner is None else beside(rows, learner.table)
    asked = stream.split.questions.contexts
    real = np.flatnonzero(asked.people < shop.settings.people)[-ASKED:]
    answers = asker.answers(model, stream.split.full, asked.take(real))
    hits = 0
    for _, scores in score_blocks(answers, rows, asker.trend, 256):
        top = np.argpartition(-scores, LISTED, axis=1)[:, :LISTED]
        hits += int(np.isin(top, items).sum())
    return round(hits / (len(real) * len(items)), 5)


if __name__ == "__main__":
    main()
