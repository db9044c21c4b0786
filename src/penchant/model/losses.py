"""Losses: tensors in, one number out; shapes are checked first."""

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.errors import InvalidInput


def full_cross_entropy(scores: Tensor, owner: Tensor, items: Tensor) -> Tensor:
    """Mean of ``-log softmax`` over the full catalogue.

    Args:
        scores: (P, N).
        owner: (T,) question that each answer belongs to.
        items: (T,) column of each answer.

    >>> round(full_cross_entropy(torch.zeros(1, 4), torch.tensor([0]), torch.tensor([2])).item(), 4)
    1.3863
    """
    _check(scores.ndim == 2 and owner.shape == items.shape, scores, owner, items)
    return -torch.log_softmax(scores, -1)[owner, items].mean()


def sampled_cross_entropy(
    own: Tensor, negatives: Tensor, log_q: Tensor, owner: Tensor, place: Tensor, *, weight: Tensor
) -> Tensor:
    """The same over each question's own candidates and shared sampled items, corrected for sampling.

    An item that enters the sum with expected count q stands for 1/q items: its logit is lowered by
    log q (Bengio and Senécal, 2008; Yi et al., RecSys 2019).

    Args:
        own: (P, C) logits of candidates that are always there, -inf where there is none.
        negatives: (P, K) logits of the sample, -inf where the item is among ``own``.
        log_q: (K,) log of the expected count of each in the sample.
        owner: (T,) question that each answer belongs to.
        place: (T,) its column in ``own``.
        weight: (T,) of each answer in the mean.

    >>> own, none = torch.zeros(1, 1), torch.zeros(1, 2)
    >>> zero, one = torch.tensor([0]), torch.ones(1)
    >>> round(sampled_cross_entropy(own, none, torch.zeros(2), zero, zero, weight=one).item(), 4)
    1.0986
    """
    fits = own.shape[0] == negatives.shape[0] and negatives.shape[1:] == log_q.shape
    _check(own.ndim == 2 and fits and owner.shape == place.shape, own, negatives, log_q, owner, place)
    total = torch.logsumexp(torch.cat([own, negatives - log_q], 1), 1)
    return ((total[owner] - own[owner, place]) * weight).sum() / weight.sum()


def squared_error(predicted: Tensor, values: Tensor) -> Tensor:
    """Mean squared error of ratings, both (C,)."""
    _check(predicted.ndim == 1 and predicted.shape == values.shape, predicted, values)
    return F.mse_loss(predicted, values)


def _check(fits: bool, *tensors: Tensor) -> None:
    if not fits:
        raise InvalidInput(f"shapes that do not fit together: {[tuple(t.shape) for t in tensors]}")
