"""The training objective of one batch: what needs no weights is made ahead, with numpy alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.model.examples import Batch, Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.losses import sampled_cross_entropy, squared_error
from penchant.model.net import PreferenceNet
from penchant.model.repeat import features, surroundings
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
        drawn_seen: (K, P, lifetimes) trend of the sample. doubles: question and place in the sample (2, ·)
            of what is among the question's own candidates already.
        weights: (T,) of each answer in the loss, in the order of ``own.taken``.
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
    drawn_seen: FloatArray
    doubles: IntArray
    weights: FloatArray


def rivals(
    batch: Batch, answers: Questions, sample: tuple[IntArray, FloatArray], trend: TrendTable, n_items: int
) -> Rivals:
    """Of the batch's P questions.

    Args:
        batch: with the memory at each question.
        answers: of these questions.
        sample: items and log expected counts of :class:`~penchant.model.sampling.NegativeSampler`.
        trend: of all that is trained on.
        n_items: rows of the item table.
    """
    negatives, log_q = sample
    own = own_candidates(batch.memory, answers, n_items)
    items, place = np.unique(np.concatenate([negatives, own.items]), return_inverse=True)
    known, new = np.flatnonzero(own.slot >= 0), np.flatnonzero(own.slot < 0)
    owner = own.owner[known]
    around = surroundings(batch.memory, answers.times)[owner]
    entries = batch.memory.ravel()[own.slot[known]]
    hit, double = found_in(negatives, own.items)
    return Rivals(
        items=items,
        own=own,
        place=place[len(negatives) :],
        known=known,
        repeats=features(entries, answers.times[owner], batch.events[owner], around),
        new=new,
        seen=trend.features(own.items[new], answers.times[own.owner[new]]),
        drawn=place[: len(negatives)],
        log_q=log_q,
        drawn_seen=trend.features(negatives[:, None], answers.times),
        doubles=np.stack([own.owner[hit], double]),
        weights=(1.0 / np.diff(answers.offsets)[own.owner[own.taken]]).astype(np.float32),
    )


def next_basket_loss(net: PreferenceNet, h: Tensor, against: Rivals) -> Tensor:
    """Cross-entropy of what was taken next, against memory and a sample of all items, each basket alike.

    Args:
        net: whose items and repeat head are used.
        h: (P, D) behaviour when each of the batch's questions was asked.
        against: of these questions.
    """
    vectors, bias = net.items(torch.from_numpy(against.items))
    # index_select and embedding: indexing with [] has a serial gradient on a CPU, ten times slower.
    own, place = against.own, torch.from_numpy(against.place)
    owner, rank = torch.from_numpy(own.owner), torch.from_numpy(own.rank)
    known, new = torch.from_numpy(against.known), torch.from_numpy(against.new)
    suited = net.repeat.suited(h, vectors, owner[known], place[known])
    again = net.repeat(torch.from_numpy(against.repeats), suited)
    mine, theirs = h.index_select(0, owner[new]), vectors.index_select(0, place[new])
    first = net.personal * (mine * theirs).sum(-1) + bias.index_select(0, place[new])
    first = first + torch.from_numpy(against.seen) @ net.trend
    order = torch.cat([known, new])
    padded = h.new_full((len(h), int(own.rank.max()) + 1), -torch.inf)
    padded = padded.index_put((owner[order], rank[order]), torch.cat([again, first]))
    drawn = torch.from_numpy(against.drawn)
    sample = net.personal * (h @ vectors.index_select(0, drawn).T) + bias.index_select(0, drawn)
    sample = sample + (torch.from_numpy(against.drawn_seen) @ net.trend).T
    mask = torch.zeros(sample.shape, dtype=torch.bool)
    mask[tuple(torch.from_numpy(against.doubles))] = True
    sample = sample.masked_fill(mask, -torch.inf)
    taken = torch.from_numpy(np.flatnonzero(own.taken))
    log_q, weights = torch.from_numpy(against.log_q), torch.from_numpy(against.weights)
    return sampled_cross_entropy(padded, sample, log_q, owner[taken], rank[taken], weight=weights)


def rating_loss(net: PreferenceNet, h: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of ratings (-1 to 1) that the same people gave next: (C, D), (C,), (C,)."""
    return squared_error(net.rating(h, net.items(items)[0]), ratings)
