import pytest
import torch
from torch import nn

from penchant.model.encoders.fast import Dropout, Normed, RMSNorm


def test_the_norm_is_torchs_with_its_exact_gradient() -> None:
    x = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)
    norm, torchs = RMSNorm(6).double(), nn.RMSNorm(6, eps=1e-6).double()
    weight = torch.rand(6, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        norm.weight.copy_(weight)
        torchs.weight.copy_(weight)
    torch.testing.assert_close(norm(x), torchs(x))
    assert torch.autograd.gradcheck(Normed.apply, (x, weight, 1e-6))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_what_stays_is_raised_so_that_the_mean_stays(share: float) -> None:
    torch.manual_seed(0)
    kept = Dropout(share)(torch.ones(300, 1000))
    assert float((kept == 0).float().mean()) == pytest.approx(share, abs=0.003)
    torch.testing.assert_close(kept[kept > 0].unique(), torch.tensor([1 / (1 - share)]))
    assert torch.corrcoef(kept[:2])[0, 1].abs() < 0.15


def test_what_is_dropped_follows_from_the_seed_and_gradients_are_dropped_with_it() -> None:
    drop, x = Dropout(0.5), torch.ones(64, requires_grad=True)
    torch.manual_seed(1)
    first, second = drop(x), drop(x)
    torch.manual_seed(1)
    assert torch.equal(drop(x), first)
    assert not torch.equal(first, second)
    first.sum().backward()
    assert torch.equal(x.grad, first.detach())


def test_nothing_is_dropped_outside_of_training() -> None:
    x = torch.ones(64)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
