import torch
from torch.nn import functional as F

from penchant.model.encoders.fused import Drop, RmsNorm, silu_times


def _numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_the_norm_is_torchs_and_has_its_exact_gradient() -> None:
    norm = RmsNorm(4).double()
    torch.nn.init.uniform_(norm.weight)
    x = _numbers(3, 2, 4).requires_grad_()
    torch.testing.assert_close(norm(x), F.rms_norm(x, [4], norm.weight, 1e-6))
    assert torch.autograd.gradcheck(
        lambda x, w: torch.func.functional_call(norm, {"weight": w}, x), (x, norm.weight)
    )


def test_the_gate_is_torchs_and_has_its_exact_gradient() -> None:
    gate, value = _numbers(3, 4).requires_grad_(), _numbers(2, 3, 4)[1].requires_grad_()
    torch.testing.assert_close(silu_times(gate, value), F.silu(gate) * value)
    assert torch.autograd.gradcheck(silu_times, (gate, value))


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(100_003, requires_grad=True)
    y = Drop(0.25)(x)
    dropped = (y == 0).float().mean().item()
    assert abs(dropped - 0.25) < 0.01
    assert abs(y.mean().item() - 1) < 0.02
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())
    assert not torch.equal(y, Drop(0.25)(x))


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.ones(9)
    assert Drop(0.5).eval()(x) is x
