"""What turns behaviour into numbers about items."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.model.repeat import FEATURES

BEFORE = 3.0
"""Repeat score before training: that of an item of which some twenty were taken of late."""


class RepeatHead(nn.Module):
    """Learned score of a remembered item, in place of the one it would have as a new one.

    Sees the features of :func:`penchant.model.repeat.features`, and how well item and person are
    suited to repeats at all (four learned directions each).
    """

    def __init__(self, dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.item = nn.Linear(dim, 4, bias=False)
        self.person = nn.Linear(dim, 4, bias=False)
        self.hidden = nn.Linear(FEATURES + 8, hidden)
        self.out = nn.Linear(hidden, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, BEFORE)

    def suited(self, h: Tensor, vectors: Tensor, owner: Tensor, place: Tensor) -> Tensor:
        """How well items and people are suited to repeats, (C, 8).

        Of behaviours h (P, D) those in the rows ``owner`` (C,), of items (R, D) those in ``place`` (C,).
        """
        people, items = self.person(h).index_select(0, owner), self.item(vectors).index_select(0, place)
        return torch.cat([items, people], -1)

    def forward(self, features: Tensor, suited: Tensor) -> Tensor:
        """Features (C, FEATURES) and what :meth:`suited` says (C, 8) to scores (C,)."""
        return self.out(F.silu(self.hidden(torch.cat([features, suited], -1))))[:, 0]


class RatingHead(nn.Module):
    """Expected rating of an item: mean, a part of the item, a part of person and item together."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.item = nn.Linear(dim, 1)
        self.both = nn.Linear(dim, dim, bias=False)

    def forward(self, h: Tensor, vectors: Tensor) -> Tensor:
        """Behaviour (C, D) and item vectors (C, D) to ratings as -1 to 1, (C,)."""
        return self.item(vectors)[:, 0] + (self.both(h) * vectors).sum(-1)
