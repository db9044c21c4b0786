"""The last step of training: a few numbers of the scores are set anew by the held-out baskets.

Training weighs the whole catalogue, a list shows its head; there the personal part of a score is too
sure of itself, and the trend says more. And a basket of things bought before hides what a person tries
for the first time: how much of the first places new things get is a choice, not a fact, and
``ModelSettings.discovery`` is where a shop makes it.
Related: Guo et al., On calibration of modern neural networks, ICML 2017; Li et al., A next basket
recommendation reality check, TOIS 2023.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from penchant.model.dials import RANGE, Dials, openness, weighed
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.optimisers import LBFGS
from penchant.model.scoring import Answers, ItemScores
from penchant.model.trend import TrendTable
from penchant.model.validation import DISCOUNT, IDEAL

LEAST = 100
"""Baskets without which nothing is set anew."""

HEAD, RISING = 300, 200
"""Items with the best score, and those most taken of late, that a new item competes with."""

PLACES = len(DISCOUNT)

OPEN = 0.5
"""Share of first times in what is taken from which discovery counts in full. Where people buy what they
looked at before, hardly anything that they never saw is taken, and lists that make room for it only lose."""


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """One held-out basket and the items that compete for its list.

    Attributes:
        known, again: items that the person wanted before, and their scores.
        new: others. parts: (n, 2 + lifetimes) their personal score, bias, trend.
        right: what was taken. fresh: (n,) which of ``new`` it was. openness: (RANGE,) of the person.
    """

    known: NDArray[np.int32]
    again: FloatArray
    new: IntArray
    parts: FloatArray
    right: NDArray[np.int32]
    fresh: NDArray[np.bool_]
    openness: FloatArray


def calibrate(
    answers: Answers,
    items: ItemScores,
    trend: TrendTable,
    held_out: Questions,
    *,
    discovery: float,
    frequency: IntArray,
) -> Dials:
    """The dials that suit the held-out baskets; as trained where there are fewer than :data:`LEAST`.

    Args:
        answers: the model's, to the questions ``held_out``.
        items: its scores as trained.
        trend: of the training log.
        held_out: baskets that did not train.
        discovery: share of NDCG@10 over all purchases that may be given up for new things, from 0 to 1,
            where at least :data:`OPEN` of what is taken is new to who takes it; in proportion where less is.
        frequency: (Q,) how often the person of each basket asks: one was held out of each, whoever
            comes daily and whoever comes monthly. What discovery costs is weighed by it.
    """
    if len(held_out) < LEAST:
        return Dials(items.personal, 1.0, 0.0, items.trend, items.open)
    found = _moments(answers, items, trend, held_out)
    before = np.concatenate([[items.personal, 1.0], items.trend]).astype(np.float32)
    weights = _fitted(found, before)
    if not np.isfinite(weights).all() or weights[0] < 0:
        weights = before
    opened = _open(found, weights)
    novelty = _novelty(found, weights, opened, discovery, frequency)
    return Dials(float(weights[0]), float(weights[1]), novelty, weights[2:], opened)


def _moments(answers: Answers, items: ItemScores, trend: TrendTable, held_out: Questions) -> list["_Moment"]:
    by_place = {
        place: _moment(answers, items, place, seen, held_out)
        for place, seen in trend.each_moment(answers.times, len(items.bias))
    }
    return [by_place[place] for place in range(len(held_out))]


def _novelty(
    found: list["_Moment"], weights: FloatArray, opened: FloatArray, discovery: float, frequency: IntArray
) -> float:
    """What new things get on top, for the share of quality that may be given up for them."""
    given_up = discovery * min(1.0, _new_share(found) / OPEN)
    heads = [_heads(m, weighed(m.parts, weights) + np.float32(m.openness @ opened)) for m in found]
    return _highest(heads, frequency, given_up)


def _moment(
    answers: Answers, items: ItemScores, place: int, seen: FloatArray, held_out: Questions
) -> _Moment:
    known = answers.items[answers.of(place)]
    own = items.vectors @ answers.h[place]
    scores = items.personal * own + items.bias + weighed(seen, items.trend)
    rising = seen[:, 0].copy()
    scores[known] = rising[known] = -np.inf
    new = np.union1d(_best(scores, HEAD), _best(rising, RISING))
    new = new[np.isfinite(scores[new])]
    right = held_out.items[held_out.offsets[place] : held_out.offsets[place + 1]]
    return _Moment(
        known=known,
        again=answers.again[answers.of(place)],
        new=new,
        parts=np.concatenate([own[new, None], items.bias[new, None], seen[new]], 1),
        right=right,
        fresh=_among(new, right),
        openness=openness(np.array(len(known)), answers.events[place]),
    )


def _new_share(moments: list[_Moment]) -> float:
    """Of what was taken, the share that its person never took before."""
    known = sum(int(_among(m.right, m.known).sum()) for m in moments)
    return 1.0 - known / max(1, sum(len(m.right) for m in moments))


def _among(some: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which of ``some`` (n,) are among ``others``. ``np.isin`` takes many times as long for so few."""
    return (some[:, None] == others).any(1)


def _best(scores: FloatArray, count: int) -> IntArray:
    return np.argpartition(-scores, min(count, len(scores)) - 1)[:count]


def _fitted(moments: list[_Moment], start: FloatArray) -> FloatArray:
    """Weights of the parts that make what was taken for the first time likeliest.

    Large baskets are held down as in NDCG.
    """
    rows = [(m.parts, right) for m in moments if len(right := np.flatnonzero(m.fresh))]
    if not rows:
        return start
    # All moments in one table, the short ones with rows that are never likely: one by one they take most of
    # the time of a small training.
    longest = max(len(parts) for parts, _ in rows)
    table = np.zeros((len(rows), longest, len(start)), np.float32)
    there = np.full((len(rows), longest), -np.inf, np.float32)
    for at, (parts, _) in enumerate(rows):
        table[at, : len(parts)], there[at, : len(parts)] = parts, 0.0
    counts = np.array([len(right) for _, right in rows])
    owner = torch.from_numpy(np.repeat(np.arange(len(rows)), counts))
    taken = torch.from_numpy(np.concatenate([right for _, right in rows]))
    worth = torch.from_numpy(np.repeat(1 / IDEAL[np.minimum(PLACES, counts)], counts).astype(np.float32))
    all_parts, unlikely = torch.from_numpy(table), torch.from_numpy(there)

    def loss(weights: torch.Tensor) -> torch.Tensor:
        scores = all_parts @ weights + unlikely
        likely = torch.logsumexp(scores, 1)[owner] - scores[owner, taken]
        return (worth * likely).sum()

    return _smallest(loss, start)


def _open(moments: list[_Moment], weights: FloatArray) -> FloatArray:
    """Weights (RANGE,) of openness that make what was taken likeliest, among what is known and what is new.

    New is what is new among the moment's candidates. Fitted with a level, which is left to ``novelty``.
    """
    both = [m for m in moments if len(m.known) and len(m.new)]
    if not both:
        return np.zeros(RANGE, np.float32)
    odds = [np.logaddexp.reduce(weighed(m.parts, weights)) - np.logaddexp.reduce(m.again) for m in both]
    known = np.array([_among(m.known, m.right).sum() for m in both])
    new = np.array([m.fresh.sum() for m in both])
    share = torch.from_numpy((new / np.maximum(known + new, 1)).astype(np.float32))
    worth = torch.from_numpy(((known + new) / IDEAL[np.clip(known + new, 1, PLACES)]).astype(np.float32))
    before = torch.from_numpy(np.array(odds, np.float32))
    opened = torch.from_numpy(np.stack([np.append(m.openness, np.float32(1)) for m in both]))

    def loss(weights: torch.Tensor) -> torch.Tensor:
        """Of whether it was a new thing, by its log odds."""
        apart = functional.binary_cross_entropy_with_logits(
            before + opened @ weights, share, reduction="none"
        )
        return (worth * apart).sum()

    found = _smallest(loss, np.zeros(RANGE + 1, np.float32))[:RANGE]
    return found if np.isfinite(found).all() else np.zeros(RANGE, np.float32)


def _smallest(loss: Callable[[torch.Tensor], torch.Tensor], start: FloatArray) -> FloatArray:
    """Where ``loss`` and the squared distance from ``start`` are smallest together."""
    before = torch.from_numpy(start)
    weights = before.clone().requires_grad_()
    optimizer = LBFGS([weights], max_iter=50, line_search_fn="strong_wolfe")

    def total() -> torch.Tensor:
        optimizer.zero_grad()
        found = loss(weights) + (weights - before).square().sum()
        found.backward()
        return found

    optimizer.step(total)
    return weights.detach().numpy()


def _highest(heads: Sequence["_Heads"], frequency: IntArray, given_up: float) -> float:
    """The highest level of what is raised that costs at most the share ``given_up`` of the best NDCG@10."""
    pairs = [(one, often) for one, often in zip(heads, frequency.tolist(), strict=True) if one.both()]
    lists, often = [one for one, _ in pairs], [often for _, often in pairs]
    if not lists:
        return 0.0

    def gains(levels: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.average([_gains(one, levels) for one in lists], axis=0, weights=often)

    apart = np.concatenate([(one.fixed[:, None] - one.raised[None]).ravel() for one in lists])
    low, high = np.quantile(apart, [0.001, 0.999]).tolist()
    coarse = np.linspace(low, high, 200)
    found = gains(coarse)
    if not found.max() > 0:
        return 0.0
    enough = (1 - given_up) * found.max()
    last = int(np.flatnonzero(found >= enough)[-1])
    # Between two levels of the first grid lies more than a hundredth of NDCG.
    fine = np.linspace(coarse[last], coarse[min(last + 1, len(coarse) - 1)], 50)
    return float(fine[np.flatnonzero(np.append(True, gains(fine[1:]) >= enough))[-1]])


@dataclass(frozen=True, slots=True, eq=False)
class _Heads:
    """Best scores of what stays and of what is raised, whether each is right, the best possible gain."""

    fixed: FloatArray
    raised: FloatArray
    right: NDArray[np.bool_]
    ideal: float

    def both(self) -> bool:
        """Whether there is something of each."""
        return len(self.fixed) > 0 and len(self.raised) > 0


def _heads(m: _Moment, rising: FloatArray) -> _Heads:
    """``rising`` (n,) are the scores of what is new. Nothing stays where nothing was taken before."""
    kept, lifted = np.argsort(-m.again)[:PLACES], np.argsort(-rising)[:PLACES]
    right = _among(np.concatenate([m.known[kept], m.new[lifted]]), m.right)
    return _Heads(m.again[kept], rising[lifted], right, float(IDEAL[min(PLACES, len(m.right))]))


def _gains(heads: _Heads, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """NDCG@10 of one list for each level, (L,)."""
    again = np.tile(heads.fixed, (len(levels), 1))
    scores = np.concatenate([again, heads.raised[None] + levels[:, None]], 1)
    top = np.argsort(-scores, axis=1, kind="stable")[:, :PLACES]
    return (heads.right[top] * DISCOUNT[: top.shape[1]]).sum(1) / heads.ideal
