"""What every encoder with a step form must keep. A test for one is two lines:

``class TestMine(EncoderContract): encoder = "mine"``
"""

from typing import ClassVar

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.model.encoders import make_encoder, make_step
from penchant.model.encoders.protocol import Encoder
from penchant.model.encoders.protocol_step import StepEncoder

TOLERANCE = 1e-5

# One test runs for several encoders, which is what a contract is for.
DRAWN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.differing_executors])


class EncoderContract:
    """Tests of the encoder called ``encoder``; shapes and gaps are drawn at random."""

    encoder: ClassVar[str]

    def pair(self, seed: int, dim: int, layers: int) -> tuple[Encoder, StepEncoder]:
        """Both forms with the same random weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = make_encoder(self.encoder, dim, layers, 0.0).eval()
        return net, make_step(self.encoder, {name: w.numpy() for name, w in net.state_dict().items()})

    @given(seed=st.integers(0, 999), length=st.integers(1, 30), layers=st.integers(1, 3))
    @DRAWN
    def test_stepping_equals_reading_at_once(self, seed: int, length: int, layers: int) -> None:
        net, step = self.pair(seed, 8, layers)
        x, days = _tokens(seed, length, 8)
        with torch.no_grad():
            h, last = net(x[:, None], days[:, None], torch.zeros(1, net.state_size))
        state = np.zeros(step.state_size, np.float32)
        for t in range(length):
            state, now = step.step(state, x[t].numpy(), days[t].numpy())
            np.testing.assert_allclose(now, h[t, 0].numpy(), atol=TOLERANCE, rtol=TOLERANCE)
        np.testing.assert_allclose(state, last[0].numpy(), atol=TOLERANCE, rtol=TOLERANCE)

    @given(seed=st.integers(0, 999), length=st.integers(1, 30), cut=st.integers(0, 29))
    @DRAWN
    def test_a_carried_state_equals_one_reading(self, seed: int, length: int, cut: int) -> None:
        _, step = self.pair(seed, 8, 2)
        x, days = (t.numpy() for t in _tokens(seed, length, 8))
        whole, h = step.sequence(np.zeros(step.state_size, np.float32), x, days)
        state, cut = np.zeros(step.state_size, np.float32), min(cut, length - 1)
        if cut:
            state, _ = step.sequence(state, x[:cut], days[:cut])
        after, last = step.sequence(state, x[cut:], days[cut:])
        np.testing.assert_allclose(after, whole, atol=TOLERANCE, rtol=TOLERANCE)
        np.testing.assert_allclose(last, h, atol=TOLERANCE, rtol=TOLERANCE)

    def test_later_tokens_do_not_change_earlier_behaviour(self) -> None:
        net, _ = self.pair(1, 8, 2)
        x, days = _tokens(1, 6, 8)
        other = x.clone()
        other[4:] += 1
        start = torch.zeros(1, net.state_size)
        with torch.no_grad():
            one, _ = net(x[:, None], days[:, None], start)
            two, _ = net(other[:, None], days[:, None], start)
        torch.testing.assert_close(one[:4], two[:4])
        assert not torch.allclose(one[4:], two[4:])

    def test_every_weight_gets_a_gradient(self) -> None:
        net, _ = self.pair(2, 8, 2)
        x, days = _tokens(2, 5, 8)
        h, _ = net(x[:, None], days[:, None], torch.zeros(1, net.state_size))
        h.square().mul(torch.arange(8)).sum().backward()
        assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in net.parameters())


def _tokens(seed: int, length: int, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length, dim)).astype(np.float32)
    days = rng.choice([0.0, 0.01, 1.0, 30.0, 1000.0], length).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(days)
