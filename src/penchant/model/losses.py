"""Losses: tensors in, one number out; shapes are checked first."""

from collections.abc import Callable

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


BLOCK = 4096
"""Items that are scored at once where all are."""

More = Callable[[slice], Tensor]
"""What else is known of items: of the rows of a slice, (b, P, F) for each of P questions."""


class FullLogSumExp(torch.autograd.Function):
    """Log of the summed exponentials of all items' scores, (P,), without ever holding all scores.

    Scores are ``items @ h + bias + more @ weights``. Forward goes through the items in blocks and keeps
    a running sum alone; backward makes each block's scores once more (as in Wijmans et al., Cut your losses
    in large-vocabulary language models, ICLR 2025). Memory beside inputs and gradients: a few (BLOCK, P).
    """

    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: torch.autograd.function.FunctionCtx,
        h: Tensor,
        items: Tensor,
        bias: Tensor,
        weights: Tensor,
        more: More,
        left_out: Tensor,
    ) -> Tensor:
        """See :func:`full_log_sum_exp`."""
        total = h.new_full((len(h),), -torch.inf)
        for part in _blocks(len(items)):
            scores = _scores(part, (h, items, bias, weights), more(part), left_out)
            total = torch.logaddexp(total, torch.logsumexp(scores, 0))
        ctx.save_for_backward(h, items, bias, weights, left_out, total)
        ctx.more = more  # pyright: ignore[reportAttributeAccessIssue]
        return total

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of h, items, bias and weights; none of the rest."""
        h, items, bias, weights, left_out, total = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        to_h, to_items, to_bias = torch.zeros_like(h), torch.empty_like(items), torch.empty_like(bias)
        to_weights = torch.zeros_like(weights)
        floor = torch.where(torch.isfinite(total), total, 0.0)  # nothing to choose from: no gradient
        for part in _blocks(len(items)):
            seen = ctx.more(part)  # pyright: ignore[reportAttributeAccessIssue]
            scores = _scores(part, (h, items, bias, weights), seen, left_out)
            share = scores.sub_(floor).exp_().mul_(grads[0])
            to_h.addmm_(share.T, items[part])
            torch.mm(share, h, out=to_items[part])
            torch.sum(share, 1, out=to_bias[part])
            to_weights += share.flatten() @ seen.flatten(0, 1)
        return to_h, to_items, to_bias, to_weights, None, None


def full_log_sum_exp(  # noqa: PLR0917
    h: Tensor, items: Tensor, bias: Tensor, weights: Tensor, more: More, left_out: Tensor
) -> Tensor:
    """Log of the sum of ``exp(items @ h + bias + more @ weights)`` over all items, for each question, (P,).

    Args:
        h: (P, D).
        items: (K, D).
        bias: (K,).
        weights: (F,).
        more: see :data:`More`; asked anew in backward, and must answer the same.
        left_out: (2, ·) question and item of what does not count, in order of items.

    >>> zero = torch.zeros(4, 2)
    >>> none = lambda part: torch.zeros(part.stop - part.start, 1, 1)
    >>> total = full_log_sum_exp(zero[:1], zero, zero[:, 0], torch.zeros(1), none, torch.tensor([[0], [3]]))
    >>> total.exp().round(decimals=4).tolist()
    [3.0]
    """
    fits = h.shape[1:] == items.shape[1:] and bias.shape == items.shape[:1] and left_out.shape[:1] == (2,)
    _check(h.ndim == 2 and weights.ndim == 1 and fits, h, items, bias, weights, left_out)
    found: Tensor = FullLogSumExp.apply(h, items, bias, weights, more, left_out.contiguous())  # pyright: ignore[reportAssignmentType]
    return found


def _blocks(count: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]


def _scores(
    part: slice, tensors: tuple[Tensor, Tensor, Tensor, Tensor], seen: Tensor, left_out: Tensor
) -> Tensor:
    """(b, P) of one block of items."""
    h, items, bias, weights = tensors
    scores = torch.addmm(bias[part, None], items[part], h.T).add_(seen @ weights)
    first, last = torch.searchsorted(left_out[1], torch.tensor([part.start, part.stop])).tolist()
    scores[left_out[1, first:last] - part.start, left_out[0, first:last]] = -torch.inf
    return scores


def own_cross_entropy(own: Tensor, others: Tensor, owner: Tensor, place: Tensor, *, weight: Tensor) -> Tensor:
    """Weighted mean of ``-log softmax`` of answers among own candidates and ``others``, summed already.

    Args:
        own: (P, C) logits, -inf where there is none.
        others: (P,) log of the summed exponentials of all else.
        owner: (T,) question of each answer.
        place: (T,) column in ``own`` of each answer.
        weight: (T,) of each answer.

    >>> own, zero, two = torch.zeros(1, 1), torch.tensor([0]), torch.log(torch.tensor([2.0]))
    >>> round(own_cross_entropy(own, two, zero, zero, weight=torch.ones(1)).item(), 4)
    1.0986
    """
    fits = own.ndim == 2 and others.shape == own.shape[:1] and owner.shape == place.shape == weight.shape
    _check(fits, own, others, owner, place, weight)
    total = torch.logaddexp(torch.logsumexp(own, 1), others)
    return ((total[owner] - own[owner, place]) * weight).sum() / weight.sum()


def squared_error(predicted: Tensor, values: Tensor) -> Tensor:
    """Mean squared error of ratings, both (C,)."""
    _check(predicted.ndim == 1 and predicted.shape == values.shape, predicted, values)
    return F.mse_loss(predicted, values)


def _check(fits: bool, *tensors: Tensor) -> None:
    if not fits:
        raise InvalidInput(f"shapes that do not fit together: {[tuple(t.shape) for t in tensors]}")
