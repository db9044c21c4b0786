"""Items as vectors: a learned one of its own, a projection of its whitened text, one of its price level."""

import numpy as np
import torch
from torch import Tensor, nn

from penchant.model.histories import FloatArray, IntArray
from penchant.model.newcomers import Neighbours
from penchant.model.prices import LEVELS


class Gather(torch.autograd.Function):
    """Rows of a table, each at most once. Their gradient is added to ``table.grad`` in place.

    A gradient of the whole table, allocated anew by every step, took a third of training. A leaf only.
    """

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, table: Tensor, rows: Tensor) -> Tensor:
        """(N, D) and distinct (R,) to (R, D)."""
        ctx.save_for_backward(table, rows)
        return table.index_select(0, rows)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[None, None]:
        table, rows = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        if table.grad is None:
            table.grad = torch.zeros_like(table)
        table.grad[rows] += grads[0]
        return None, None


class ItemTable(nn.Module):
    """Vectors and biases of N items. In training one that nobody took has its text and its price alone;
    after it, what its neighbours by text have (:meth:`seat`).

    The parts are added with a learned weight for each dimension. In training ``id_dropout`` of the items
    of a batch have those alone, so that the text learns to stand for items that were never sold
    (Volkovs et al., DropoutNet, NeurIPS 2017; Wei et al., CLCRec, ACM MM 2021).

    Args of the constructor:
        white: (N, W) whitened text. counts: (N,) how often each item was wanted in training.
        id_dropout: share, from 0 to below 1.
        levels: (N,) of :func:`~penchant.model.prices.price_levels`; None where no price is known.
    """

    def __init__(
        self,
        white: FloatArray,
        counts: FloatArray,
        dim: int,
        id_dropout: float = 0.0,
        levels: IntArray | None = None,
    ) -> None:
        super().__init__()
        self.id_dropout = id_dropout
        self.balance = nn.Parameter(torch.ones(2, dim))
        self.ids = nn.Parameter(torch.randn(len(white), dim) * 0.02)
        self.bias = nn.Parameter(torch.zeros(len(white)))
        self.project = nn.Linear(white.shape[1], dim, bias=False)
        nn.init.normal_(self.project.weight, std=0.02)
        self.price = nn.Parameter(torch.zeros(LEVELS, dim))
        self.levels = None if levels is None else torch.from_numpy(levels)
        self.white = torch.from_numpy(white)  # no buffer: a checkpoint need not hold it
        self.delta: nn.Parameter | None = None
        with torch.no_grad():
            self.ids[torch.from_numpy(counts == 0)] = 0

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (..., D) and biases (...) of the items ``rows`` (...), as scores take them."""
        vectors, biases = self.read(rows), nn.functional.embedding(rows, self.bias[:, None])[..., 0]
        if self.delta is None:
            return vectors, biases
        return vectors + nn.functional.embedding(rows, self.delta), biases

    def read(self, rows: Tensor) -> Tensor:
        """Vectors (..., D) of the items ``rows`` (...), as tokens read them."""
        if not torch.is_grad_enabled():
            return self._all(self.ids[rows], rows)
        distinct, place = torch.unique(rows, return_inverse=True)
        own: Tensor = Gather.apply(self.ids, distinct)  # pyright: ignore[reportAssignmentType]
        if self.training and self.id_dropout:
            own = own * (torch.rand(len(distinct), 1) >= self.id_dropout)
        return nn.functional.embedding(place, self._all(own, distinct))

    def free_output(self) -> nn.Parameter:
        """From here on scores add something of their own (N, D) to the vectors that tokens read."""
        if self.delta is None:
            self.delta = nn.Parameter(torch.zeros_like(self.ids))
        return self.delta

    def fold_output(self) -> None:
        """Tokens read what scores take from here on: it is another encoder, states are to be made anew."""
        if self.delta is not None:
            with torch.no_grad():
                self.ids.mul_(self.balance[0]).add_(self.delta)
                self.balance[0] = 1.0
            self.delta = None

    def seat(self, counts: FloatArray, among: IntArray | None = None) -> None:
        """Put items that nobody took (``counts`` (N,) are 0) where their neighbours by text are.

        Of many that is the dearest part of loading: ``among`` are the rows that matter, None for all.
        """
        new = np.flatnonzero(counts == 0)
        new = new if among is None else np.intersect1d(new, among)
        if not len(new) or not counts.any():
            return
        with torch.no_grad():
            self.ids.mul_(self.balance[0])
            self.balance[0] = 1.0
            self.ids[torch.from_numpy(new)] = 0
            vectors, white = self.read(torch.arange(len(counts))).numpy(), self.white.numpy()
            placed = Neighbours.of(white, vectors, counts).place(white[new], vectors[new])
            self.ids[torch.from_numpy(new)] = torch.from_numpy(placed - vectors[new])

    def folded(self) -> tuple[FloatArray, FloatArray]:
        """Id vectors (N, D) and projection of texts (D, W) with their weights in them: they only add up."""
        own, text = self.balance.detach()
        return (self.ids.detach() * own).numpy(), (self.project.weight.detach() * text[:, None]).numpy()

    def price_vectors(self) -> FloatArray:
        """Vectors of price levels (LEVELS, D). One that no item had is the mean of those that some had."""
        found = self.price.detach().numpy().copy()
        if self.levels is not None:
            had = np.isin(np.arange(LEVELS), self.levels.numpy())
            found[~had] = found[had].mean(0)
        return found

    def _all(self, own: Tensor, rows: Tensor) -> Tensor:
        vectors = own * self.balance[0] + self.project(self.white[rows]) * self.balance[1]
        if self.levels is None:
            return vectors
        return vectors + nn.functional.embedding(self.levels[rows], self.price)


def newcomer_bias(bias: FloatArray, counts: FloatArray) -> float:
    """Bias of an item that nobody took yet: the mean of the rarest tenth of those that somebody did.

    >>> newcomer_bias(np.array([3.0, 1.0, 0.0], np.float32), np.array([9, 1, 0], np.float32))
    1.0
    """
    sold = np.flatnonzero(counts > 0)
    if not len(sold):
        return 0.0
    rare = counts[sold] <= np.quantile(counts[sold], 0.1)
    return float(bias[sold][rare].mean())
