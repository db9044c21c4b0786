"""What turns behaviour into numbers about items."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.model.repeat import FEATURES

DIRECTIONS = 16
SUITED = 2 * DIRECTIONS + 2

BEFORE = 3.0
"""Repeat score before training: that of an item of which some twenty were taken of late."""


class RepeatHead(nn.Module):
    """Learned score of a remembered item, in place of the one it would have as a new one.

    Sees the features of :func:`penchant.model.repeat.features`, how well item and person are suited to
    repeats at all (:data:`DIRECTIONS` learned ones each) and to each other, and what taste says of the item
    as if it were new. At that it only looks: what is bought again does not teach what is liked.
    """

    def __init__(self, dim: int, hidden: int = 128) -> None:
        super().__init__()
        self.item = nn.Linear(dim, DIRECTIONS, bias=False)
        self.person = nn.Linear(dim, DIRECTIONS, bias=False)
        self.both = nn.Linear(dim, dim, bias=False)
        self.hidden = nn.Linear(FEATURES + SUITED, hidden)
        nn.init.zeros_(self.both.weight)
        self.out = nn.Linear(hidden, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, BEFORE)
        self.auxiliary = nn.Parameter(torch.zeros(hidden))

    def suited(self, h: Tensor, vectors: Tensor, owner: Tensor, place: Tensor) -> Tensor:
        """How well items and people are suited to repeats and to each other, (C, SUITED).

        Of behaviours h (P, D) those in the rows ``owner`` (C,), of items (R, D) those in ``place`` (C,).
        """
        people, items = self.person(h).index_select(0, owner), self.item(vectors).index_select(0, place)
        theirs = vectors.index_select(0, place)
        fits = (self.both(h).index_select(0, owner) * theirs).sum(-1, keepdim=True)
        with torch.no_grad():
            liked = (h.index_select(0, owner) * theirs).sum(-1, keepdim=True)
        return torch.cat([items, people, fits, liked], -1)

    def forward(self, features: Tensor, suited: Tensor, auxiliary: Tensor | None = None) -> Tensor:
        """Features (C, FEATURES) and what :meth:`suited` says (C, SUITED) to scores (C,).

        ``auxiliary`` (C,) is 1 where another type than the main one is asked for.
        """
        hidden = self.hidden(torch.cat([features, suited], -1))
        if auxiliary is not None:
            hidden = hidden + auxiliary[:, None] * self.auxiliary
        return self.out(F.silu(hidden))[:, 0]


class AuxiliaryTask(nn.Module):
    """What is asked beside the main thing: next views and carts in a shop that wants to know purchases.

    They teach the same encoder and the same items; what is wanted of them is seen through a scale, a shift
    and a bias of their own, which serving never needs (Caruana, Multitask learning, 1997).
    """

    def __init__(self, dim: int, n_items: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(dim))
        self.shift = nn.Parameter(torch.zeros(dim))
        self.bias = nn.Parameter(torch.zeros(n_items))

    def forward(self, h: Tensor, vectors: Tensor, rows: Tensor, auxiliary: Tensor) -> tuple[Tensor, Tensor]:
        """Behaviour (P, D) and vectors (R, D) with one more column, whose product is the auxiliary bias.

        ``rows`` (R,) are the items; ``auxiliary`` (P,) is 1 where another type than the main one is asked.
        """
        aside = auxiliary[:, None]
        h = h + aside * (h * self.scale + self.shift)
        bias = F.embedding(rows, self.bias[:, None])
        return torch.cat([h, aside], 1), torch.cat([vectors, bias], 1)


class RatingHead(nn.Module):
    """Expected rating of an item: mean, a part of the item, a part of person and item together."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.item = nn.Linear(dim, 1)
        self.both = nn.Linear(dim, dim, bias=False)

    def forward(self, h: Tensor, vectors: Tensor) -> Tensor:
        """Behaviour (C, D) and item vectors (C, D) to ratings as -1 to 1, (C,)."""
        return self.item(vectors)[:, 0] + (self.both(h) * vectors).sum(-1)
