"""The training objective of one batch."""

import numpy as np
import torch
from torch import Tensor

from penchant.model.examples import Batch, Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.losses import sampled_cross_entropy, squared_error
from penchant.model.net import PreferenceNet
from penchant.model.repeat import features
from penchant.model.sampling import Candidates, found_in, own_candidates


def next_basket_loss(
    net: PreferenceNet,
    h: Tensor,
    batch: Batch,
    answers: Questions,
    sample: tuple[IntArray, FloatArray],
) -> Tensor:
    """Cross-entropy of what was taken next, against memory and a sample of all items.

    Args:
        net: whose items and repeat head are used.
        h: (P, D) behaviour when each of the batch's questions was asked.
        batch: with the memory at each question.
        answers: of these P questions.
        sample: items and log expected counts of :class:`~penchant.model.sampling.NegativeSampler`.
    """
    negatives, log_q = sample
    own = own_candidates(batch.memory, answers, len(net.items.bias))
    rows, local = np.unique(np.concatenate([negatives, own.items]), return_inverse=True)
    vectors, bias = net.items(torch.from_numpy(rows))
    # index_select and embedding: indexing with [] has a serial gradient on a CPU, ten times slower.
    drawn, mine = torch.from_numpy(local).split([len(negatives), len(own.items)])
    own_scores = (
        (h @ vectors.T + bias).flatten().index_select(0, torch.from_numpy(own.owner) * len(rows) + mine)
    )
    own_scores = own_scores + _repeats(net, h, batch, answers, own, vectors.index_select(0, mine))
    padded = own_scores.new_full((len(answers), int(own.rank.max()) + 1), -torch.inf)
    padded = padded.index_put((torch.from_numpy(own.owner), torch.from_numpy(own.rank)), own_scores)
    hit, place = found_in(negatives, own.items)
    mask = torch.zeros(len(answers), len(negatives), dtype=torch.bool)
    mask[torch.from_numpy(own.owner[hit]), torch.from_numpy(place)] = True
    against = h @ vectors.index_select(0, drawn).T + bias.index_select(0, drawn)
    against = against.masked_fill(mask, -torch.inf)
    taken = np.flatnonzero(own.taken)
    owner, rank = torch.from_numpy(own.owner[taken]), torch.from_numpy(own.rank[taken])
    return sampled_cross_entropy(padded, against, torch.from_numpy(log_q), owner, rank)


def _repeats(  # noqa: PLR0917
    net: PreferenceNet, h: Tensor, batch: Batch, answers: Questions, own: Candidates, vectors: Tensor
) -> Tensor:
    """What memory adds to each candidate's score, (C,)."""
    known = np.flatnonzero(own.slot >= 0)
    owner, at = own.owner[known], torch.from_numpy(known)
    entries = batch.memory.ravel()[own.slot[known]]
    seen = torch.from_numpy(features(entries, answers.times[owner], batch.events[owner]))
    added = net.repeat(seen, h.index_select(0, torch.from_numpy(owner)), vectors.index_select(0, at))
    return torch.zeros(len(own.items)).index_put((at,), added)


def rating_loss(net: PreferenceNet, h: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of ratings (-1 to 1) that the same people gave next: (C, D), (C,), (C,)."""
    return squared_error(net.rating(h, net.items(items)[0]), ratings)
