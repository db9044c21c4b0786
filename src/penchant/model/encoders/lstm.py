"""The classic: Hochreiter and Schmidhuber, Long short-term memory, 1997; the time gap is an input."""

import torch
from torch import Tensor, nn

from penchant.model.encoders.fused import RmsNorm
from penchant.model.encoders.protocol import Encoder


class Lstm(Encoder):
    """Stacked LSTM. State: hidden and cell vectors of all layers."""

    def __init__(self, dim: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.state_size = 2 * dim * layers
        self.time = nn.Linear(1, dim)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(dim, dim, layers, dropout=between)
        self.norm = RmsNorm(dim)

    def forward(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        people, depth = x.shape[1], 2 * self.lstm.num_layers
        hidden, cell = state.view(people, depth, -1).transpose(0, 1).contiguous().chunk(2)
        x = x + self.time(torch.log1p(days)[..., None])
        out, (hidden, cell) = self.lstm(x, (hidden.contiguous(), cell.contiguous()))
        after = torch.cat([hidden, cell]).transpose(0, 1).reshape(people, -1)
        return self.norm(out), after
