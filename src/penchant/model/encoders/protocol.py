"""What every encoder is: tokens in, one behaviour vector after each token out."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Training form. Time comes first: shapes are (L, B, D). Rows are padded at the end only.

    Made with ``(dim, layers, dropout)``.
    """

    state_size: int
    """Numbers S in the state of one person."""

    @abstractmethod
    def forward(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read L tokens of B people.

        Args:
            x: (L, B, D) tokens.
            days: (L, B) since the event before, 0 for a first one.
            state: (B, S) before them; zeros for a beginner.

        Returns:
            (L, B, D) behaviour after each token, and the state (B, S) after the last one.
        """

    def last(self, x: Tensor, days: Tensor, ends: Tensor) -> Tensor:
        """Behaviour (B, D) after token ``ends`` (B,) of each of B beginners: what :meth:`forward` says there.

        An encoder may do less work for it than for all L tokens.
        """
        h, _ = self(x, days, x.new_zeros(x.shape[1], self.state_size))
        return h[ends, torch.arange(x.shape[1])]
