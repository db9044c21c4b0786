"""What do candidates of several sources and a ranker bring beside the taste model alone?

    python bench/pipeline.py --data online-retail --minutes 4             # validation part: the default
    python bench/pipeline.py --data online-retail --set discovery=0 --ablate

Two taste models: an early one, trained before the four weeks that teach the ranker, and a late one, trained
before the weeks that are asked. The ranker learns from lists of the early model, its number of trees is
chosen on people left out of them, and it orders lists of the late model. Features and facts of a list are
made of what came before it. With ``--ablate`` each source and each group of features is left out once, at the
same number of trees; ``--ablate sources:social`` leaves out that one, and tells of those whom it concerns.
A folder with ``follows.parquet`` says who follows whom, but not since when: pairs of later hold too. Models
and lists are kept under ``--cache``. Writes bench/results/pipeline-NAME.json.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from data import NAMED, Data, load, model_settings, text_vectors
from penchant.adapters.lightgbm_trees import LightGbmTrees, grow
from penchant.app.ranking import questions_of
from penchant.catalog.view import CatalogView, view_of
from penchant.evaluate.protocols import Split
from penchant.evaluate.ranked import leave_out_seen
from penchant.evaluate.run import PARTS, PROTOCOLS, Plan, make_splits
from penchant.learn.ranking import STEP, Lists, Verdict, judged
from penchant.metrics.bootstrap import bounds, cluster_bootstrap, cluster_sums
from penchant.model.loading import load_model
from penchant.model.saving import save_snapshot
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.training import train
from penchant.recommend.ranking.features import GROUPS, names
from penchant.recommend.ranking.lessons import lists, moments
from penchant.recommend.ranking.port import importance
from penchant.recommend.ranking.ranker import Desk
from penchant.recommend.sources.choose import BUDGETS, sources
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.followed import PastFollowed
from penchant.types import Item
from quality import USUAL, say
from runs import digest, sampled
from tables import RESULTS

BLOCK = 64
DRAWS = 2_000
SOURCES = tuple(name for name in BUDGETS if name != "looked-at")
"""Of a question of the log nobody knows what was on the page."""


def main() -> None:
    options = arguments()
    data = load(options.data)
    settings = model_settings(options.set, time_budget_s=60 * options.minutes, threads=1)
    protocol = options.protocol or USUAL.get(options.data, "successive")
    late = make_splits(data.histories, Plan(protocol, on=options.on))[0]
    early = make_splits(late.full.before(late.start), Plan(protocol, on="test", target=late.target))[0]
    stem = options.cache / Path(options.data).name
    name = f"{stem.name}-{protocol}-{options.on}"
    least = options.social_people
    taught, _ = part(data, sampled(early), (settings, least), stem, f"{name}-early")
    asked, spent = part(data, sampled(late), (settings, least), stem, f"{name}-late")
    say(f"{len(taught)} lists teach, {len(asked)} ask, {spent:.2f} ms of processor to lay one out")
    verdict = judged(taught, grow, options.trees)
    trees = max(verdict.best, STEP)
    say(f"left out of learning: {verdict.taste:.4f} to {verdict.ranked:.4f} with {trees} trees")
    grown = grow(taught, trees)
    result = found(asked, grown, verdict, settings) | {"ms to lay out": round(spent, 3)}
    if data.pairs is not None:
        result["social people"] = least
    print(json.dumps(result, indent=2))
    if options.ablate:
        result["without"] = ablation(taught, asked, trees, options.ablate)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"pipeline-{name}{'-' + '-'.join(options.set) if options.set else ''}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="online-retail", help=f"{', '.join(NAMED)}, or a folder")
    add("--protocol", choices=PROTOCOLS, help="default: the usual one of the data set")
    add("--on", choices=PARTS, default="validation")
    add("--minutes", type=float, default=4.0, help="limit on each training")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="of the taste model")
    add("--trees", type=int, default=200, help="at most")
    add("--ablate", nargs="?", const="all", metavar="NAME", help="each, or the one of that name")
    add("--social-people", type=int, default=2, help="followed people who must have taken an item")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    return parser.parse_args()


def part(
    data: Data, split: Split, made_by: tuple[ModelSettings, int], stem: Path, name: str
) -> tuple[Lists, float]:
    """Lists of one model for the questions of one split, and processor milliseconds to lay out one."""
    settings, least = made_by
    model = trained(data, split, settings, stem, name)
    begun = time.process_time()
    facts = Facts.of(split.full, model.n_items, split.start)
    say(f"{name}: facts in {time.process_time() - begun:.1f} processor s")
    desk = Desk(facts, sources(SOURCES, facts))
    questions, spent = questions_of(split), 0.0
    followed = None if data.pairs is None else PastFollowed(split.full, data.pairs, least)

    def timed():
        nonlocal spent
        vectors = model.item_scores().vectors
        asked = blocks(model, data, split)
        for moment in moments(split.full, questions, asked, view(data), vectors, followed=followed):
            start = time.process_time()
            yield moment
            spent += time.process_time() - start

    made = lists(desk, questions, timed())
    return made, 1e3 * spent / len(made)


def trained(data: Data, split: Split, settings: ModelSettings, stem: Path, name: str) -> PreferenceModel:
    """A taste model of the training part; kept."""
    vectors = text_vectors(data.texts, stem)
    folder = stem.parent / "pipeline" / f"{name}-{digest([split.train.times], settings.to_dict())}"
    if not folder.exists():
        say(f"training {folder.name}")
        made = train(
            split.train,
            vectors,
            settings,
            n_items=len(data.texts),
            prices=data.prices,
            attributes=data.attributes,
        )
        save_snapshot(made, folder, id_table_hash="0" * 16, id_table_length=len(data.texts), log_position=0)
    return load_model(folder, len(data.texts), vectors, data.prices)


def blocks(model: PreferenceModel, data: Data, split: Split):
    """Taste scores, without what was seen where the protocol says so."""
    asked = model.score_blocks(split.full, split.questions.contexts, BLOCK, attributes=data.attributes)
    for rows, scores in asked:
        if split.leave_out_seen:
            leave_out_seen(scores, split, rows)
        yield rows, scores


def view(data: Data) -> CatalogView:
    """The catalogue, as far as the data tells of it."""
    ids = [str(row) for row in range(len(data.texts))]
    prices = np.full(len(ids), np.nan) if data.prices is None else data.prices
    items = data.items or [Item(item_id=name) for name in ids]
    priced = {
        row: Item(
            item_id=ids[row],
            category=item.category,
            brand=item.brand,
            price=float(prices[row]) if np.isfinite(prices[row]) else None,
        )
        for row, item in enumerate(items)
    }
    return view_of(1, ids, priced)


def found(asked: Lists, grown: LightGbmTrees, verdict: Verdict, settings: ModelSettings) -> dict:
    """What the ranker brings on the lists of the late model."""
    scores = asked.start + grown.predict(asked.matrix)
    taste, ranked, best = (asked.ndcg(one) for one in (asked.start, scores, asked.taken.astype(np.float32)))
    return {
        "lists": len(asked),
        "people": len(np.unique(asked.people)),
        "taste": round(float(taste.mean()), 5),
        "ranked": round(float(ranked.mean()), 5),
        "ratio": ratio(taste, ranked, asked.people),
        "candidates": round(len(asked.start) / len(asked), 1),
        "recall of candidates": round(float(asked.taken.sum() / asked.answers.sum()), 4),
        "best order of candidates": round(float(best.mean()), 4),
        "trees": {"best": verdict.best, "served": verdict.trees},
        "left out": {"taste": verdict.taste, "best": verdict.ranked, "error": verdict.error},
        "curve": verdict.curve,
        "hits": hits(asked, scores),
        "importance": dict(list(importance(grown, names(SOURCES, tuple(GROUPS))).items())[:25]),
        "settings": settings.to_dict(),
    }


def ratio(taste: np.ndarray, ranked: np.ndarray, people: np.ndarray) -> list[float]:
    """Ratio of means with its 95% interval, people resampled, both from the same draws."""
    who, rows = np.unique(people, return_inverse=True)
    sums, counts = cluster_sums(np.stack([taste, ranked], axis=1), rows, len(who))
    draws = cluster_bootstrap(sums, counts, DRAWS, seed=0)
    low, high = bounds(draws[:, 1] / draws[:, 0])
    return [round(float(x), 4) for x in (ranked.mean() / taste.mean(), low, high)]


def hits(asked: Lists, scores: np.ndarray) -> dict[str, list[float]]:
    """Of all that was taken and is in the first ten: share that each source named, and that it alone did."""
    first = np.zeros(len(scores), bool)
    for begin, end in zip(asked.offsets[:-1], asked.offsets[1:], strict=True):
        first[begin + np.argsort(-scores[begin:end], kind="stable")[:10]] = True
    named = asked.named[first & asked.taken]
    alone = named & (named.sum(axis=1, keepdims=True) == 1)
    shares = zip(named.mean(axis=0), alone.mean(axis=0), strict=True)
    return {name: [round(float(x), 4) for x in pair] for name, pair in zip(SOURCES, shares, strict=True)}


def ablation(taught: Lists, asked: Lists, trees: int, only: str = "all") -> dict[str, dict]:
    """NDCG@10 without each source and each group, and the ratio of all to it; with the share of lists in
    which a source names anything, and the ratio in those."""
    columns = names(SOURCES, tuple(GROUPS))
    everything = asked.ndcg(asked.start + grow(taught, trees).predict(asked.matrix))
    rows = {}
    groups = list(dict.fromkeys(name.partition(":")[0] for name in columns))
    for name in [*groups, *(f"sources:{source}" for source in SOURCES[1:])]:
        if only not in ("all", name):
            continue
        kept = np.array([not (f"{column}:").startswith(f"{name}:") for column in columns])
        source = SOURCES.index(name.partition(":")[2]) if ":" in name else -1
        less, fewer = without(taught, kept, source), without(asked, kept, source)
        scores = fewer.ndcg(fewer.start + grow(less, trees).predict(fewer.matrix))
        rows[name] = {
            "ndcg@10": round(float(scores.mean()), 5),
            "all to it": ratio(scores, everything, asked.people),
        }
        if source >= 0:
            here = np.add.reduceat(asked.named[:, source], asked.offsets[:-1]) > 0
            rows[name]["lists with it"] = round(float(here.mean()), 4)
            if here.any():
                part_of = scores[here], everything[here], asked.people[here]
                rows[name]["in them"] = {"ndcg@10": round(float(scores[here].mean()), 5)}
                rows[name]["in them"]["all to it"] = ratio(*part_of)
        say(f"without {name}: {rows[name]}")
    return rows


def without(given: Lists, columns: np.ndarray, source: int) -> Lists:
    """Only some columns; without the candidates that ``source`` alone named (-1: all stay)."""
    if source < 0:
        return replace(given, matrix=given.matrix[:, columns])
    others = np.delete(given.named, source, axis=1).any(axis=1)
    owner = np.repeat(np.arange(len(given)), np.diff(given.offsets))[others]
    lengths = np.bincount(owner, minlength=len(given))
    return replace(
        given,
        matrix=given.matrix[others][:, columns],
        start=given.start[others],
        taken=given.taken[others],
        named=given.named[others],
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


if __name__ == "__main__":
    main()
