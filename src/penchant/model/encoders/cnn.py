"""Dilated causal convolutions: NextItNet (Yuan et al., WSDM 2019), residual as in TCN (Bai et al., 2018).

Each layer is a residual block of two convolutions of three events, a norm and an activation before each.
Those of the first layer look 1 and 2 events apart, those of the second 4 and 8, and so on: two layers see 31
events, three see 127. Nothing older is seen, and nothing fades but by what the time gap says.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.model.encoders.cnn_step import TAPS
from penchant.model.encoders.fused import Drop, RmsNorm
from penchant.model.encoders.protocol import Encoder


class Convolution(nn.Module):
    """Output t reads the inputs t, t - dilation and t - 2 · dilation. Its state is the inputs before."""

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.places = (TAPS - 1) * dilation
        self.norm = RmsNorm(dim)
        self.taps = nn.Linear(TAPS * dim, dim)

    def forward(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """(L, B, D) and the inputs before (places, B, D) to (L, B, D) and the last inputs."""
        padded = torch.cat([before, F.silu(self.norm(x))])
        read = [padded[tap * self.dilation :][: len(x)] for tap in range(TAPS)]
        return self.taps(torch.cat(read, -1)), padded[len(x) :]


class Block(nn.Module):
    """Two convolutions, the second twice as wide, around which the input passes unchanged."""

    def __init__(self, dim: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = Convolution(dim, dilation)
        self.second = Convolution(dim, 2 * dilation)
        self.drop = Drop(dropout)

    def forward(self, x: Tensor, before: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        inner, first = self.first(x, before[0])
        inner, second = self.second(inner, before[1])
        return x + self.drop(inner), [first, second]


class Cnn(Encoder):
    """See the module. State: for each convolution its last inputs, oldest first; the time gap is an input."""

    def __init__(self, dim: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.time = nn.Linear(1, dim)
        self.blocks = nn.ModuleList(Block(dim, 4**layer, dropout) for layer in range(layers))
        self.norm = RmsNorm(dim)
        self._sizes = [dim * size for layer in range(layers) for size in (2 * 4**layer, 4 * 4**layer)]
        self.state_size = sum(self._sizes)

    def forward(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        people, dim = x.shape[1:]
        x = x + self.time(torch.log1p(days)[..., None])
        before = [part.view(people, -1, dim).transpose(0, 1) for part in state.split(self._sizes, -1)]
        after: list[Tensor] = []
        for layer, block in enumerate(self.blocks):
            x, inputs = block(x, before[2 * layer : 2 * layer + 2])
            after += inputs
        return self.norm(x), torch.cat(after).transpose(0, 1).reshape(people, -1)
