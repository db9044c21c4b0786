"""The training objective of one batch."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.model.examples import Batch, Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.losses import sampled_cross_entropy, squared_error
from penchant.model.net import PreferenceNet
from penchant.model.repeat import features, surroundings
from penchant.model.sampling import Candidates, found_in, own_candidates
from penchant.model.trend import TrendTable


def next_basket_loss(  # noqa: PLR0917
    net: PreferenceNet,
    h: Tensor,
    batch: Batch,
    answers: Questions,
    sample: tuple[IntArray, FloatArray],
    trend: TrendTable,
) -> Tensor:
    """Cross-entropy of what was taken next, against memory and a sample of all items, each basket alike.

    Args:
        net: whose items and repeat head are used.
        h: (P, D) behaviour when each of the batch's questions was asked.
        batch: with the memory at each question.
        answers: of these P questions.
        sample: items and log expected counts of :class:`~penchant.model.sampling.NegativeSampler`.
        trend: of all that is trained on.
    """
    negatives, log_q = sample
    own = own_candidates(batch.memory, answers, len(net.items.bias))
    rows, local = np.unique(np.concatenate([negatives, own.items]), return_inverse=True)
    vectors, bias = net.items(torch.from_numpy(rows))
    scores = net.personal * (h @ vectors.T) + bias
    # index_select and embedding: indexing with [] has a serial gradient on a CPU, ten times slower.
    drawn, mine = torch.from_numpy(local).split([len(negatives), len(own.items)])
    at = torch.from_numpy(own.owner) * len(rows) + mine
    seen = torch.from_numpy(trend.features(own.items, answers.times[own.owner]))
    own_scores = scores.flatten().index_select(0, at) + seen @ net.trend
    own_scores = _with_repeats(net, h, batch, answers, own, vectors.index_select(0, mine), own_scores)
    padded = own_scores.new_full((len(answers), int(own.rank.max()) + 1), -torch.inf)
    padded = padded.index_put((torch.from_numpy(own.owner), torch.from_numpy(own.rank)), own_scores)
    against = scores.index_select(1, drawn) + _trends(trend, negatives, answers.times) @ net.trend
    hit, place = found_in(negatives, own.items)
    mask = torch.zeros(len(answers), len(negatives), dtype=torch.bool)
    mask[torch.from_numpy(own.owner[hit]), torch.from_numpy(place)] = True
    against = against.masked_fill(mask, -torch.inf)
    taken = np.flatnonzero(own.taken)
    owner, rank = torch.from_numpy(own.owner[taken]), torch.from_numpy(own.rank[taken])
    weight = torch.from_numpy(1.0 / np.diff(answers.offsets)[own.owner[taken]]).float()
    return sampled_cross_entropy(padded, against, torch.from_numpy(log_q), owner, rank, weight=weight)


def _with_repeats(  # noqa: PLR0917
    net: PreferenceNet,
    h: Tensor,
    batch: Batch,
    answers: Questions,
    own: Candidates,
    vectors: Tensor,
    scores: Tensor,
) -> Tensor:
    """Scores (C,) of candidates; those in memory have the repeat head's instead of the base score."""
    known = np.flatnonzero(own.slot >= 0)
    owner, at = own.owner[known], torch.from_numpy(known)
    entries = batch.memory.ravel()[own.slot[known]]
    around = surroundings(batch.memory, answers.times)
    seen = torch.from_numpy(features(entries, answers.times[owner], batch.events[owner], around[owner]))
    again = net.repeat(seen, h.index_select(0, torch.from_numpy(owner)), vectors.index_select(0, at))
    return scores.index_put((at,), again)


def _trends(trend: TrendTable, items: IntArray, times: NDArray[np.float64]) -> Tensor:
    """Trend of each item (K,) at each of the times (P,), (P, K, number of lifetimes)."""
    order = np.argsort(times)  # neighbours in the table are asked for one after the other
    seen = trend.features(np.repeat(items, len(times)), np.tile(times[order], len(items)))
    by_time = torch.from_numpy(seen).view(len(items), len(times), -1).transpose(0, 1)
    return by_time.index_select(0, torch.from_numpy(np.argsort(order)))


def rating_loss(net: PreferenceNet, h: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of ratings (-1 to 1) that the same people gave next: (C, D), (C,), (C,)."""
    return squared_error(net.rating(h, net.items(items)[0]), ratings)
