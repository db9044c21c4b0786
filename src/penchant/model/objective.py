"""The training objective of one batch: what needs no weights is made ahead, with numpy alone."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.model.examples import Batch, Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.losses import (
    full_log_sum_exp,
    own_cross_entropy,
    sampled_cross_entropy,
    squared_error,
)
from penchant.model.net import PreferenceNet
from penchant.model.repeat import features, setting
from penchant.model.sampling import Candidates, found_in, own_candidates
from penchant.model.trend import TrendTable


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """What stands against what was taken next, for P questions: each one's own items and a shared sample.

    Attributes:
        items: (R,) distinct item rows, of all that follows.
        own: C candidates of the questions; place: (C,) of each in ``items``.
        known: which of the C are remembered; repeats: their features for the repeat head.
        new: which are not; seen: (·, lifetimes) their trend.
        drawn: (K,) place of the sample in ``items``; log_q: (K,) log expected count of each.
        drawn_seen: trend of the sample. doubles: question and place in the sample (2, ·)
            of what is among the question's own candidates already.
        weights: (T,) of each answer in the loss, in the order of ``own.taken``.
        auxiliary: (P,) 1 where another type of event than the main one is asked for, else 0; None where all
            are of the main one.
    """

    items: IntArray
    own: Candidates
    place: IntArray
    known: IntArray
    repeats: FloatArray
    new: IntArray
    seen: FloatArray
    drawn: IntArray
    log_q: FloatArray
    drawn_seen: "Seen"
    doubles: IntArray
    weights: FloatArray
    auxiliary: FloatArray | None


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Which type of event a question asks for, and what it counts.

    Attributes:
        types: (E,) of the histories. main: code of the type that a shop wants to know of.
        weight: of a question about another type in the loss.
    """

    types: NDArray[np.int8]
    main: int
    weight: float

    def auxiliary(self, answers: Questions) -> NDArray[np.bool_]:
        """Which questions ask for another type than the main one, (P,)."""
        return self.types[answers.ends] != self.main


HELD = 2**24
"""Pairs of item and question whose trend is made ahead and held (200 MB); that of more is made by blocks."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Trend of the items (K,) at the times (P,): (K, P, lifetimes), held or made anew for each block."""

    trend: TrendTable
    items: IntArray
    times: NDArray[np.float64]
    held: FloatArray | None

    @classmethod
    def of(cls, trend: TrendTable, items: IntArray, times: NDArray[np.float64]) -> Self:
        """Held where it is small enough."""
        small = len(items) * len(times) <= HELD
        return cls(trend, items, times, trend.features(items[:, None], times) if small else None)

    def __call__(self, part: slice) -> Tensor:
        """Of some of the items: (b, P, lifetimes)."""
        if self.held is not None:
            return torch.from_numpy(self.held[part])
        return torch.from_numpy(self.trend.features(self.items[part, None], self.times))


def rivals(  # noqa: PLR0917
    batch: Batch,
    answers: Questions,
    sample: tuple[IntArray, FloatArray],
    trend: TrendTable,
    n_items: int,
    kinds: Kinds,
) -> Rivals:
    """Of the batch's P questions.

    Args:
        batch: with the memory at each question.
        answers: of these questions.
        sample: items and log expected counts of :class:`~penchant.model.sampling.NegativeSampler`.
        trend: of all that is trained on.
        n_items: rows of the item table.
        kinds: of the histories that are asked about.
    """
    negatives, log_q = sample
    own = own_candidates(batch.memory, answers, n_items)
    items, where = np.unique(np.concatenate([negatives, own.items]), return_inverse=True)
    known, new = np.flatnonzero(own.slot >= 0), np.flatnonzero(own.slot < 0)
    owner = own.owner[known]
    place = own.slot[known] % batch.memory.shape[1]
    fashion = trend.features(own.items[known], answers.times[owner])
    at = setting(batch.memory, answers.times, batch.events, owner, place, fashion)
    hit, double = found_in(negatives, own.items)
    auxiliary = kinds.auxiliary(answers)
    worth = np.where(auxiliary, kinds.weight, 1.0) / np.diff(answers.offsets)
    return Rivals(
        items=items,
        own=own,
        place=where[len(negatives) :],
        known=known,
        repeats=features(batch.memory[owner, place], at),
        new=new,
        seen=trend.features(own.items[new], answers.times[own.owner[new]]),
        drawn=where[: len(negatives)],
        log_q=log_q,
        drawn_seen=Seen.of(trend, negatives, answers.times),
        doubles=np.stack([own.owner[hit], double])[:, np.argsort(double, kind="stable")],
        weights=worth[own.owner[own.taken]].astype(np.float32),
        auxiliary=auxiliary.astype(np.float32) if auxiliary.any() else None,
    )


def next_basket_loss(net: PreferenceNet, h: Tensor, against: Rivals, *, full: bool = False) -> Tensor:
    """Cross-entropy of what was taken next, against memory and a sample of all items, each basket alike.

    Args:
        net: whose items and repeat head are used.
        h: (P, D) behaviour when each of the batch's questions was asked.
        against: of these questions.
        full: the sample is all items: the same number, by blocks, so that memory stays bounded.
    """
    rows = torch.from_numpy(against.items)
    vectors, bias = net.items(rows)
    again = _repeat_scores(net, h, against, vectors)
    if against.auxiliary is not None:
        h, vectors = net.auxiliary(h, vectors, rows, torch.from_numpy(against.auxiliary))
    padded = _own_scores(net, h, against, (vectors, bias), again)
    own, drawn = against.own, torch.from_numpy(against.drawn)
    taken = np.flatnonzero(own.taken)
    owner, rank = torch.from_numpy(own.owner[taken]), torch.from_numpy(own.rank[taken])
    items, levels = vectors.index_select(0, drawn), bias.index_select(0, drawn)
    weights, doubles = torch.from_numpy(against.weights), torch.from_numpy(against.doubles)
    if full:
        asked = net.personal * h
        others = full_log_sum_exp(asked, items, levels, net.trend, against.drawn_seen, doubles)
        return own_cross_entropy(padded, others, owner, rank, weight=weights)
    seen = against.drawn_seen(slice(0, len(drawn)))
    sample = net.personal * (h @ items.T) + levels + (seen @ net.trend).T
    mask = torch.zeros(sample.shape, dtype=torch.bool)
    mask[tuple(doubles)] = True
    sample = sample.masked_fill(mask, -torch.inf)
    return sampled_cross_entropy(padded, sample, torch.from_numpy(against.log_q), owner, rank, weight=weights)


def _repeat_scores(net: PreferenceNet, h: Tensor, against: Rivals, vectors: Tensor) -> Tensor:
    """Of the candidates that are remembered, in the order of ``against.known``."""
    owner, place = against.own.owner[against.known], against.place[against.known]
    suited = net.repeat.suited(h, vectors, torch.from_numpy(owner), torch.from_numpy(place))
    aside = None if against.auxiliary is None else torch.from_numpy(against.auxiliary[owner])
    return net.repeat(torch.from_numpy(against.repeats), suited, aside)


def _own_scores(
    net: PreferenceNet, h: Tensor, against: Rivals, items: tuple[Tensor, Tensor], again: Tensor
) -> Tensor:
    """Of each question's own candidates, (P, C), -inf where there is none.

    ``items``: vectors and biases of the rivals' items; ``again``: scores of what is remembered.
    """
    # index_select and embedding: indexing with [] has a serial gradient on a CPU, ten times slower.
    own, place, (vectors, bias) = against.own, torch.from_numpy(against.place), items
    owner, rank = torch.from_numpy(own.owner), torch.from_numpy(own.rank)
    known, new = torch.from_numpy(against.known), torch.from_numpy(against.new)
    mine, theirs = h.index_select(0, owner[new]), vectors.index_select(0, place[new])
    first = net.personal * (mine * theirs).sum(-1) + bias.index_select(0, place[new])
    first = first + torch.from_numpy(against.seen) @ net.trend
    order = torch.cat([known, new])
    padded = h.new_full((len(h), int(own.rank.max()) + 1), -torch.inf)
    return padded.index_put((owner[order], rank[order]), torch.cat([again, first]))


def rating_loss(net: PreferenceNet, h: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of ratings (-1 to 1) that the same people gave next: (C, D), (C,), (C,)."""
    return squared_error(net.rating(h, net.items(items)[0]), ratings)
