"""Does it help to know what people took whom somebody follows? Without a taste model: it takes minutes.

    python bench/social.py --data ../shared/data/ciao-dvd

Two lists just before each of the last tenth of the events (protocol ``successive``), without what the person
had: ``trending`` plus ``alike``, and the same plus ``social``, each strength times a weight. Weights and the
number of people who must have taken an item are chosen on the validation part, which is the tenth before.
Only people who follow somebody are asked: nobody else's list can change. When they began to is not known, so
pairs of later hold too, which flatters ``social``. Writes bench/results/social-NAME.json.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from data import Data, load
from penchant.catalog.view import view_of
from penchant.evaluate.protocols import Split, last_share_cut, main_type, pick, successive
from penchant.evaluate.ranked import leave_out_seen
from penchant.metrics.bootstrap import bounds, cluster_bootstrap, cluster_sums
from penchant.model.examples import Questions
from penchant.recommend.ranking.lessons import moments
from penchant.recommend.sources.choose import BUDGETS
from penchant.recommend.sources.crowd import Trending
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.followed import PastFollowed
from penchant.recommend.sources.goes_with import TakenByAlike
from penchant.recommend.sources.moment import Moment
from penchant.recommend.sources.port import Named

PEOPLE = (1, 2, 3)
"""Who must have taken an item."""
ALIKE = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
SOCIAL = (0.1, 0.3, 1.0, 3.0, 10.0)
BLOCK, DRAWS = 64, 2_000
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder with follows.parquet")
    parser.add_argument("--most", type=int, default=5_000, help="questions of a part, drawn")
    options = parser.parse_args()
    data = load(str(options.data))
    test = successive(data.histories)
    before = data.histories.before(last_share_cut(data.histories, main_type(data.histories)))
    chosen, tested = (Asked(data, split, options.most) for split in (successive(before), test))
    found = result(chosen, tested)
    print(json.dumps(found, indent=2))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"social-{options.data.name}.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


class Asked:
    """Questions of one part.

    Attributes:
        plain: (Q, A) NDCG@10 by weight of ``alike``. social: (Q, A, P, S) by people and weight too.
        named: (Q, P + 2) whether ``social`` by people, ``trending`` and ``alike`` named what was taken,
            within their budgets. lists: (Q, P) whether ``social`` named anything. people: (Q,).
    """

    def __init__(self, data: Data, split: Split, most: int) -> None:
        follows = np.zeros(split.full.people, bool)
        follows[data.pairs[:, 0]] = True
        asking = follows[split.questions.contexts.people]
        self.all, self.follow = len(asking), int(asking.sum())
        chosen = np.random.default_rng(0).permutation(np.flatnonzero(asking))[:most]
        asking = np.isin(np.arange(len(asking)), chosen)
        split = replace(split, questions=pick(split.questions, asking))
        asked = split.questions
        offsets = np.searchsorted(asked.owner, np.arange(len(asked) + 1)).astype(np.int64)
        moment_of = asked.contexts
        questions = Questions(moment_of.people, moment_of.ends, moment_of.times, offsets, asked.items)
        count = len(data.texts)
        facts = Facts.of(split.full, count, split.start)
        alike = TakenByAlike(facts)
        past = [PastFollowed(split.full, data.pairs, least) for least in PEOPLE]
        self.people = questions.people
        self.plain = np.zeros((len(questions), len(ALIKE)))
        self.social = np.zeros((len(questions), len(ALIKE), len(PEOPLE), len(SOCIAL)))
        self.named = np.zeros((len(questions), len(PEOPLE) + 2), bool)
        self.lists = np.zeros((len(questions), len(PEOPLE)), bool)
        view = view_of(1, [str(row) for row in range(count)], {})
        for place, moment in enumerate(moments(split.full, questions, blocks(split, count), view)):
            row = int(questions.items[questions.offsets[place]])
            told = [one.at(int(questions.people[place]), moment.now) for one in past]
            self._ask(
                place,
                row,
                moment,
                alike.find(moment, BUDGETS["alike"]),
                [Named(one.rows, one.strength) for one in told],
            )

    def _ask(self, place: int, row: int, moment: Moment, alike: Named, told: list[Named]) -> None:
        crowd = Trending().find(moment, BUDGETS["trending"])
        sources = [*told, crowd, alike]
        budgets = [*(BUDGETS["social"] for _ in told), BUDGETS["trending"], BUDGETS["alike"]]
        self.named[place] = [
            row in first(one, moment, most) for one, most in zip(sources, budgets, strict=True)
        ]
        self.lists[place] = [len(first(one, moment, 1)) > 0 for one in told]
        base = np.where(moment.allowed, moment.trend[:, 1], -np.inf)
        for a, weight in enumerate(ALIKE):
            scores = base.copy()
            scores[alike.rows] += weight * alike.strength
            self.plain[place, a] = self.social[place, a] = gain(scores, row)
            for p, one in enumerate(told):
                if not len(one.rows):
                    continue
                for s, more in enumerate(SOCIAL):
                    bent = scores.copy()
                    bent[one.rows] += more * one.strength
                    self.social[place, a, p, s] = gain(bent, row)


def blocks(split: Split, count: int):
    """Zeros, -inf for what the person had."""
    for begin in range(0, len(split.questions), BLOCK):
        rows = slice(begin, min(begin + BLOCK, len(split.questions)))
        scores = np.zeros((rows.stop - begin, count), np.float32)
        leave_out_seen(scores, split, rows)
        yield rows, scores


def first(named: Named, moment: Moment, most: int) -> list[int]:
    """The ``most`` strongest rows that may be shown."""
    kept = moment.allowed[named.rows]
    rows, strength = named.rows[kept], named.strength[kept]
    return rows[np.argsort(-strength, kind="stable")[:most]].tolist()


def gain(scores: np.ndarray, row: int) -> float:
    """NDCG@10 of the one item that was taken; of equal scores half stand before it."""
    rank = 1 + (scores > scores[row]).sum() + ((scores == scores[row]).sum() - 1) / 2
    return float(1 / np.log2(1 + rank)) if rank <= 10 else 0.0


def result(chosen: Asked, test: Asked) -> dict:
    """Weights by ``chosen``, and what they bring there and in ``test``."""
    a = int(chosen.plain.mean(axis=0).argmax())
    found: dict = {"weight of alike": ALIKE[a], "by people": {}}
    for p, least in enumerate(PEOPLE):
        s = int(chosen.social[:, a, p].mean(axis=0).argmax())
        row = {"weight of social": SOCIAL[s]}
        row |= {on: measured(part, a, p, s) for on, part in (("validation", chosen), ("test", test))}
        found["by people"][str(least)] = row
    for on, part in (("validation", chosen), ("test", test)):
        found[on] = {"questions": part.all, "of who follows": part.follow, "asked": len(part.people)}
        found[on] |= {"people": len(np.unique(part.people))}
        for name, column in (("trending", -2), ("alike", -1)):
            found[on][f"{name} named it"] = round(float(part.named[:, column].mean()), 4)
    return found


def measured(part: Asked, a: int, p: int, s: int) -> dict:
    """Means without and with ``social``, their ratio with its 95% interval, and what the source named."""
    plain, social = part.plain[:, a], part.social[:, a, p, s]
    _, rows = np.unique(part.people, return_inverse=True)
    sums, counts = cluster_sums(np.stack([plain, social], axis=1), rows, rows.max() + 1)
    draws = cluster_bootstrap(sums, counts, DRAWS, seed=0)
    ratio = (social.mean() / plain.mean(), *bounds(draws[:, 1] / draws[:, 0]))
    alone = part.named[:, p] & ~part.named[:, -2:].any(axis=1)
    return {
        "without": round(float(plain.mean()), 5),
        "with": round(float(social.mean()), 5),
        "ratio": [round(float(x), 4) for x in ratio],
        "lists in which it names anything": round(float(part.lists[:, p].mean()), 4),
        "named what was taken": round(float(part.named[:, p].mean()), 4),
        "it alone did": round(float(alone.mean()), 4),
    }


if __name__ == "__main__":
    begun = time.process_time()
    main()
    print(f"{time.process_time() - begun:.0f} s of processor", file=sys.stderr)
