"""A shop's ranker: learned and kept. Servers read it in :mod:`penchant.app.ranker`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from penchant.adapters import lightgbm_trees
from penchant.app.bars import training_bar
from penchant.app.circles import past_followed
from penchant.app.output import Told
from penchant.app.ranker import FOLDER
from penchant.app.shop import Shop
from penchant.app.work import TRAINING, Material, train_model
from penchant.evaluate.protocols import Split, pick, time_split
from penchant.learn.ranking import Lists, Verdict, enough, judged
from penchant.model.checkpoint import clear_checkpoint
from penchant.model.examples import Questions
from penchant.model.scoring import PreferenceModel
from penchant.recommend.ranking.folder import RankerManifest, write_ranker
from penchant.recommend.ranking.lessons import lists, moments
from penchant.recommend.ranking.port import importance
from penchant.recommend.ranking.ranker import Desk
from penchant.recommend.sources.choose import named, sources
from penchant.recommend.sources.facts import Facts
from penchant.recommend.sources.social import SOCIAL

MOST_LISTS = 5_000
"""That a ranker learns from."""

MOST_TREES = 200

BLOCK = 64
"""Questions whose scores are held at once."""


@dataclass(frozen=True, slots=True)
class Learned:
    """``verdict`` says what the ranker brought; it serves where it has trees."""

    verdict: Verdict
    importance: dict[str, float]


def cut_of(given: Material) -> Split:
    """The weeks that teach a ranker and what came before them, of which its taste model is to be trained.

    Raises:
        NotEnoughData: nothing was bought in them, or nothing happened before.
    """
    split = time_split(given.data.histories)
    asked = split.questions
    if len(asked) <= MOST_LISTS:
        return split
    chosen = np.zeros(len(asked), bool)
    chosen[np.random.default_rng(0).permutation(len(asked))[:MOST_LISTS]] = True
    return replace(split, questions=pick(asked, chosen))


def ready(given: Material) -> Split:
    """:func:`cut_of`, where a ranker can be learned: asked before hours of training, not after them.

    Raises:
        MissingExtra: LightGBM is not installed. NotEnoughData: too few lists or people to learn of.
    """
    lightgbm_trees.library("a ranker needs")
    split = cut_of(given)
    enough(split.questions.contexts.people)
    return split


def train_ranker(
    shop: Shop, given: Material, split: Split, tell: Told, before_keeping: Callable[[], None] = lambda: None
) -> Learned:
    """:func:`learn_ranker`, with a taste model of all but the weeks that teach, made for it."""
    early = train_model(shop, given, training_bar(tell, shop.settings.train.time_budget), until=split.start)
    clear_checkpoint(shop.folder / TRAINING)
    return learn_ranker(shop, given, split, early, tell, before_keeping=before_keeping)


def learn_ranker(
    shop: Shop,
    given: Material,
    split: Split,
    early: PreferenceModel,
    tell: Told,
    *,
    before_keeping: Callable[[], None] = lambda: None,
) -> Learned:
    """Learn from ``split``, with the scores of a model of its training part; keep what is surely better, and
    else that nothing is: then taste alone orders.

    Raises:
        NotEnoughData: too few lists. MissingExtra: LightGBM is not installed. What ``before_keeping`` raises;
            then what there was is still there.
    """
    facts = Facts.of(split.full, early.n_items, split.start)
    desk = Desk(facts, sources(named(shop.settings.recommend.sources), facts))
    tell("laying out lists for the ranker", 0.0)
    taught = _lists(shop, given, split, early, desk)
    tell("learning to rank", 0.0)
    verdict = judged(taught, lightgbm_trees.grow, MOST_TREES)
    trees = lightgbm_trees.grow(taught, verdict.trees) if verdict.trees else None
    gains = dict(importance(trees, desk.names())) if trees is not None else {}
    before_keeping()
    made = _manifest(desk, verdict, gains, shop.clock())
    write_ranker(shop.folder / FOLDER, made, trees.text() if trees is not None else "")
    return Learned(verdict, gains)


def _lists(shop: Shop, given: Material, split: Split, early: PreferenceModel, desk: Desk) -> Lists:
    contexts, data = split.questions.contexts, given.data
    scores = early.score_blocks(
        split.full, contexts, BLOCK, queries=given.queries, attributes=data.attributes
    )
    asked = questions_of(split)
    vectors = early.item_scores().vectors
    social = any(source.name == SOCIAL for source in desk.sources)
    known = past_followed(shop, replace(data, histories=split.full)) if social else None
    return lists(
        desk, asked, moments(split.full, asked, scores, shop.catalog.view(), vectors, followed=known)
    )


def questions_of(split: Split) -> Questions:
    """The questions of a split in the form that models read."""
    asked = split.questions
    offsets = np.searchsorted(asked.owner, np.arange(len(asked) + 1)).astype(np.int64)
    moment = asked.contexts
    return Questions(moment.people, moment.ends, moment.times, offsets, asked.items)


def _manifest(desk: Desk, verdict: Verdict, gains: dict[str, float], now: float) -> RankerManifest:
    return RankerManifest(
        sources=tuple(source.name for source in desk.sources),
        groups=tuple(desk.groups),
        columns=tuple(desk.names()),
        importance=gains,
        lists=verdict.lists,
        people=verdict.people,
        taste=verdict.taste,
        ranked=verdict.ranked,
        error=verdict.error,
        serves=bool(verdict.trees),
        made=now,
    )
