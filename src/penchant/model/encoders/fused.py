"""Pieces of an encoder that pass over memory as seldom as they can.

On a CPU most of a training step is memory traffic: what torch does in six passes forth and back costs
as much as the products of matrices. These keep less and write in place; their gradients are exact.
"""

from typing import Any

import torch
from torch import Tensor, nn

from penchant.model.encoders.numeric import EPS


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = scale.square_().div_(x.shape[-1]).add_(EPS).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        x, weight, scale = ctx.saved_tensors
        grad, even = grads[0], x * scale
        for_weight = (grad * even).reshape(-1, x.shape[-1]).sum(0)
        inner = grad * weight
        along = (inner * even).sum(-1, keepdim=True).div_(x.shape[-1])
        return inner.sub_(even.mul_(along)).mul_(scale), for_weight


class RmsNorm(nn.Module):
    """Divided by its root mean square, times a weight (Zhang and Sennrich, NeurIPS 2019).

    >>> RmsNorm(2)(torch.tensor([3.0, 3.0])).tolist()
    [1.0, 1.0]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        out: Tensor = _RmsNorm.apply(x, self.weight)  # pyright: ignore[reportAssignmentType]
        return out


class _SiluTimes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, value: Tensor) -> Tensor:
        ctx.save_for_backward(gate, value)
        return torch.sigmoid(gate).mul_(gate).mul_(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        gate, value = ctx.saved_tensors
        grad = grads[0]
        open_ = torch.sigmoid(gate)
        passed = open_ * gate
        # d silu = s + g s (1 - s) = s + silu (1 - s)
        slope = torch.addcmul(open_ + passed, passed, open_, value=-1)
        return slope.mul_(grad).mul_(value), passed.mul_(grad)


def silu_times(gate: Tensor, value: Tensor) -> Tensor:
    """``silu(gate) * value``, any equal shapes: the gate of Shazeer, GLU variants improve transformer, 2020.

    >>> silu_times(torch.tensor([0.0]), torch.tensor([3.0])).tolist()
    [0.0]
    """
    out: Tensor = _SiluTimes.apply(gate, value)  # pyright: ignore[reportAssignmentType]
    return out


def gated_mlp(x: Tensor, norm: nn.Module, up: nn.Module, down: nn.Module, drop: nn.Module) -> Tensor:
    """``x`` (..., D) and on top of it what a gated MLP makes of it; ``up`` gives gate and value."""
    gate, value = up(norm(x)).chunk(2, -1)
    return x + drop(down(silu_times(gate, value)))


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: int) -> Tensor:
        count = x.numel()
        # Eight bytes of each random number: a mask of torch's own costs twenty times as much.
        drawn = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = (drawn.view(torch.uint8)[:count] >= share).view(x.shape)
        ctx.save_for_backward(kept)
        ctx.scale = 256 / (256 - share)
        return (x * kept).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return (grads[0] * kept).mul_(ctx.scale), None


class Drop(nn.Module):
    """Dropout (Srivastava et al., JMLR 2014) with a cheap mask; the share is rounded to 1/256.

    >>> Drop(0.5).eval()(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the mean stays as it is."""
        share = round(self.p * 256)
        if not self.training or not share:
            return x
        out: Tensor = _Drop.apply(x, share)  # pyright: ignore[reportAssignmentType]
        return out
