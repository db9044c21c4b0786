"""Gated linear recurrence in continuous time: taste that fades with real time.

``s ← a(x)·exp(-λ·Δt) ⊙ s + (1 - a(x)) ⊙ b(x)``, in residual layers with gated readout and a gated
MLP. Linear in the state, as in Orvieto et al. (LRU, ICML 2023), De et al. (Griffin, 2024) and
Feng et al. (minGRU, 2024); the decay by real time is the one of Hawkes processes.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.model.encoders.fused import Drop, RmsNorm, gated_mlp, silu_times
from penchant.model.encoders.protocol import Encoder


class Scan(torch.autograd.Function):
    """``s[t] = decay[t] * s[t - 1] + x[t]`` over the first axis, with its exact gradient."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, decay: Tensor, x: Tensor, start: Tensor) -> Tensor:
        """(L, B, D), (L, B, D), (B, D) to (L, B, D)."""
        out, state = torch.empty_like(x), start
        for t in range(len(x)):
            state = torch.addcmul(x[t], decay[t], state, out=out[t])
        ctx.save_for_backward(decay, out, start)
        return out

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decay, out, start = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        grad = grads[0].clone(memory_format=torch.contiguous_format)
        for t in range(len(grad) - 2, -1, -1):
            grad[t].addcmul_(grad[t + 1], decay[t + 1])
        before = torch.cat([start[None], out[:-1]])
        return grad * before, grad, grad[0] * decay[0]


class Layer(nn.Module):
    """One recurrence and one gated MLP, both residual."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = RmsNorm(dim)
        self.mix = nn.Linear(dim, 3 * dim)
        self.rate = nn.Parameter(torch.linspace(math.log(1 / 365), math.log(1 / 7), dim))
        self.out = nn.Linear(dim, dim)
        self.mlp_norm = RmsNorm(dim)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(2 * dim, dim)
        self.drop = Drop(dropout)
        with torch.no_grad():
            self.mix.bias[:dim] = torch.linspace(0.0, 4.0, dim)

    def forward(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        keep, write, gate = self.mix(self.norm(x)).chunk(3, -1)
        states = self.recur(keep, write, days, state)
        return self.read(x, states, gate), states[-1]

    def last(self, x: Tensor, days: Tensor, ends: Tensor) -> Tensor:
        """(B, D) after token ``ends`` (B,) of beginners: only what the state needs is done for all tokens."""
        dim, rows = x.shape[-1], torch.arange(x.shape[1])
        even = self.norm(x)
        keep, write = F.linear(even, self.mix.weight[: 2 * dim], self.mix.bias[: 2 * dim]).chunk(2, -1)
        states = self.recur(keep, write, days, torch.zeros_like(x[0]))
        gate = F.linear(even[ends, rows], self.mix.weight[2 * dim :], self.mix.bias[2 * dim :])
        return self.read(x[ends, rows], states[ends, rows], gate)

    def recur(self, keep: Tensor, write: Tensor, days: Tensor, state: Tensor) -> Tensor:
        """States (L, B, D) after each token."""
        keep = torch.sigmoid(keep)
        decay = keep * torch.exp(-days[..., None] * self.rate.exp())
        states: Tensor = Scan.apply(decay, (1 - keep) * write, state)  # pyright: ignore[reportAssignmentType]
        return states

    def read(self, x: Tensor, states: Tensor, gate: Tensor) -> Tensor:
        """What the layer makes of tokens and the states after them, (..., D)."""
        x = x + self.drop(self.out(silu_times(gate, states)))
        return gated_mlp(x, self.mlp_norm, self.up, self.down, self.drop)


class Recurrent(Encoder):
    """See the module. State: one vector of D for each layer."""

    def __init__(self, dim: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.state_size = dim * layers
        self.layers = nn.ModuleList(Layer(dim, dropout) for _ in range(layers))
        self.norm = RmsNorm(dim)

    def forward(self, x: Tensor, days: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        after: list[Tensor] = []
        for layer, before in zip(self.layers, state.chunk(len(self.layers), -1), strict=True):
            x, last = layer(x, days, before)
            after.append(last)
        return self.norm(x), torch.cat(after, -1)

    def last(self, x: Tensor, days: Tensor, ends: Tensor) -> Tensor:
        *lower, top = cast(list[Layer], list(self.layers))
        for layer in lower:
            x, _ = layer(x, days, torch.zeros_like(x[0]))
        return self.norm(top.last(x, days, ends))
