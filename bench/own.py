"""Train one of Penchant's own models and write its lists, in a process of its own so that memory can be read.

``own.py OUT MODEL --data NAME --protocol P --on PART --settings JSON --seed N``; ``quality.py`` calls it.
"""

import argparse
import json
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from data import load, text_vectors
from penchant.evaluate.baselines import ItemKnn, LastTouched, PersonalFrequency, Popular, RecentlyPopular
from penchant.evaluate.model import Preference
from penchant.evaluate.ranked import join_ranked, rank_questions
from penchant.evaluate.recommender import ItemTable, Training
from penchant.evaluate.run import Plan, make_splits
from penchant.metrics import tie_order
from penchant.model.settings import ModelSettings
from tasks import exchange

BASELINES = {
    "popular": Popular,
    "popular-7-days": RecentlyPopular,
    "personal-frequency": PersonalFrequency,
    "item-knn": ItemKnn,
    "last-touched": LastTouched,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--on", default="test")
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stem", type=Path, required=True, help="where text vectors are kept")
    options = parser.parse_args()
    data = load(options.data)
    vectors = None if options.model in BASELINES else text_vectors(data.texts, options.stem)
    items = ItemTable(len(data.texts), vectors, prices=data.prices)
    splits = make_splits(data.histories, Plan(options.protocol, on=options.on))
    curve: list[dict] = []
    model, settings = made(options, data.attributes, curve)
    before, fit, ask, parts = exchange.peak_mib(), Spent(), Spent(), []
    for split in splits:
        with fit:
            model.fit(Training(split.train, items, split.target, split.full, split.validation))
        peak = exchange.peak_mib()
        with ask:
            parts.append(rank_questions(model, split, exchange.K, tie_order(items.count)))
    report = {
        "model": options.model,
        "settings": settings,
        "seed": options.seed,
        "curve": curve,
        "fit": fit.read(),
        "ask": ask.read(),
        "peak_mib": peak,
        "loaded_mib": before,
        "versions": {name: version(name) for name in ("penchant", "torch", "numpy")},
        "python": sys.version.split()[0],
    }
    exchange.finish(options.out, join_ranked(parts).lists, report)


def made(options: argparse.Namespace, attributes: list[dict[str, str]] | None, curve: list[dict]):
    """The model, and its settings for the record."""
    if options.model in BASELINES:
        return BASELINES[options.model](), {}
    settings = replace(ModelSettings(**options.settings), encoder=options.model, seed=options.seed)

    def tell(progress) -> None:
        if progress.metric is not None:
            curve.append(
                {
                    "epoch": progress.epoch,
                    "wall": round(progress.seconds, 2),
                    "validation": round(progress.metric, 5),
                }
            )
            print(curve[-1], file=sys.stderr, flush=True)

    return Preference(settings, attributes=attributes, tell=tell), settings.to_dict()


class Spent:
    """Wall and processor seconds spent inside ``with``, added up; of all threads of this process."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def __enter__(self) -> None:
        self._clock = exchange.Clock()

    def __exit__(self, *_: object) -> None:
        self.wall += self._clock.wall()
        self.processor += self._clock.processor()

    def read(self) -> dict[str, float]:
        """Both, rounded."""
        return {"wall": round(self.wall, 4), "processor": round(self.processor, 4)}


if __name__ == "__main__":
    main()
