"""What every encoder must keep. A test for one is two lines:

``class TestMine(EncoderContract): encoder = "mine"``

An encoder without a step form is held to what concerns its training form.
"""

from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from penchant.model.encoders import entry_of, make_encoder, make_step
from penchant.model.encoders.protocol import Encoder
from penchant.model.encoders.protocol_step import StepEncoder

TOLERANCE = 1e-5

DIM = 8

# One test runs for several encoders, which is what a contract is for.
DRAWN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.differing_executors])

LENGTHS = st.one_of(st.integers(1, 30), st.integers(90, 120))
"""Of histories: short ones, and ones beyond what an encoder may keep of the newest events."""


class EncoderContract:
    """Tests of the encoder called ``encoder``; shapes and gaps are drawn at random."""

    encoder: ClassVar[str]

    def net(self, seed: int, layers: int = 2) -> Encoder:
        """Training form with random weights, those too that begin at zero; nothing is dropped."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = make_encoder(self.encoder, DIM, layers, 0.0).eval()
            for weight in net.parameters():
                if not weight.detach().any():
                    torch.nn.init.normal_(weight, std=0.5)
        return net

    def step_of(self, net: Encoder) -> StepEncoder:
        """Step form with the same weights."""
        if not entry_of(self.encoder).step:
            pytest.skip(f"{self.encoder} has no step form")
        return make_step(self.encoder, {name: w.numpy() for name, w in net.state_dict().items()})

    @given(seed=st.integers(0, 999), length=LENGTHS, layers=st.integers(1, 3))
    @DRAWN
    def test_stepping_equals_reading_at_once(self, seed: int, length: int, layers: int) -> None:
        net = self.net(seed, layers)
        step = self.step_of(net)
        x, days = tokens(seed, length, 1)
        h, last = read(net, x, days)
        state = np.zeros(step.state_size, np.float32)
        for t in range(length):
            state, now = step.step(state, x[t, 0].numpy(), days[t, 0].numpy())
            near(now, h[t, 0].numpy())
        near(state, last[0].numpy())

    @given(seed=st.integers(0, 999), length=LENGTHS, cut=st.integers(0, 119))
    @DRAWN
    def test_a_carried_state_equals_one_reading(self, seed: int, length: int, cut: int) -> None:
        step = self.step_of(self.net(seed))
        x, days = (t[:, 0].numpy() for t in tokens(seed, length, 1))
        whole, h = step.sequence(np.zeros(step.state_size, np.float32), x, days)
        state, cut = np.zeros(step.state_size, np.float32), min(cut, length - 1)
        if cut:
            state, _ = step.sequence(state, x[:cut], days[:cut])
        after, last = step.sequence(state, x[cut:], days[cut:])
        near(after, whole)
        near(last, h)

    def test_a_step_leaves_the_state_that_it_was_given(self) -> None:
        step = self.step_of(self.net(8))
        x, days = (t[:, 0].numpy() for t in tokens(8, 60, 1))
        state, _ = step.sequence(np.zeros(step.state_size, np.float32), x, days)
        kept = state.copy()
        step.step(state, x[0], days[0])
        np.testing.assert_array_equal(state, kept)

    def test_many_people_step_as_each_alone(self) -> None:
        step = self.step_of(self.net(3))
        x, days = (t.numpy() for t in tokens(3, 4, 3))
        together, h = step.sequence(np.zeros((3, step.state_size), np.float32), x, days)
        for person in range(3):
            start = np.zeros(step.state_size, np.float32)
            alone, mine = step.sequence(start, x[:, person], days[:, person])
            near(together[person], alone)
            near(h[person], mine)

    @given(seed=st.integers(0, 999), length=LENGTHS, cut=st.integers(1, 119))
    @DRAWN
    def test_windows_that_carry_a_state_equal_one_reading(self, seed: int, length: int, cut: int) -> None:
        net = self.net(seed)
        x, days = tokens(seed, length + 1, 2)
        cut = min(cut, length)
        h, last = read(net, x, days)
        first, state = read(net, x[:cut], days[:cut])
        second, after = read(net, x[cut:], days[cut:], state)
        near(torch.cat([first, second]).numpy(), h.numpy())
        near(after.numpy(), last.numpy())

    @given(seed=st.integers(0, 999), length=LENGTHS)
    @DRAWN
    def test_the_last_behaviour_alone_is_that_of_the_whole_reading(self, seed: int, length: int) -> None:
        net = self.net(seed)
        x, days = tokens(seed, length, 3)
        ends = torch.tensor([length - 1, 0, length // 2])
        h, _ = read(net, x, days)
        with torch.no_grad():
            near(net.last(x, days, ends).numpy(), h[ends, torch.arange(3)].numpy())

    def test_the_last_behaviour_alone_has_the_gradients_of_the_whole_reading(self) -> None:
        net = self.net(7)
        x, days = tokens(7, 6, 3)
        ends, weight = (
            torch.tensor([5, 0, 2]),
            torch.randn(3, DIM, generator=torch.Generator().manual_seed(7)),
        )
        h, _ = net(x, days, torch.zeros(3, net.state_size))
        whole = torch.autograd.grad((h[ends, torch.arange(3)] * weight).sum(), list(net.parameters()))
        alone = torch.autograd.grad((net.last(x, days, ends) * weight).sum(), list(net.parameters()))
        for one, two in zip(whole, alone, strict=True):
            torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)

    def test_later_tokens_do_not_change_earlier_behaviour(self) -> None:
        net = self.net(1)
        x, days = tokens(1, 6, 1)
        other, later = x.clone(), days.clone()
        other[4:] += 1
        later[4:] += 3
        one, two = read(net, x, days)[0], read(net, other, later)[0]
        near(one[:4].numpy(), two[:4].numpy())
        assert not torch.isclose(one[4:], two[4:]).all(-1).any()

    def test_padding_at_the_end_does_not_change_what_is_before(self) -> None:
        net = self.net(4)
        x, days = tokens(4, 5, 3)
        padded, h = torch.cat([x, x[-1:].repeat(60, 1, 1)]), read(net, x, days)[0]
        longer = read(net, padded, torch.cat([days, days.new_zeros(60, 3)]))[0]
        near(longer[:5].numpy(), h.numpy())

    def test_nobody_sees_anybody_else(self) -> None:
        net = self.net(5)
        x, days = tokens(5, 60, 3)
        h, state = read(net, x, days)
        for person in range(3):
            mine = slice(person, person + 1)
            alone, after = read(net, x[:, mine], days[:, mine])
            near(alone.numpy(), h[:, mine].numpy())
            near(after.numpy(), state[mine].numpy())

    def test_how_long_ago_matters(self) -> None:
        net = self.net(6)
        x, _ = tokens(6, 5, 1)
        soon, late = read(net, x, torch.zeros(5, 1))[0], read(net, x, torch.full((5, 1), 10.0))[0]
        assert not torch.isclose(soon[-1], late[-1], atol=1e-3).all()

    def test_every_weight_gets_a_gradient(self) -> None:
        net = self.net(2)
        x, days = tokens(2, 5, 1)
        state = torch.zeros(1, net.state_size)
        h, _ = net(x, days, state)
        h.square().mul(torch.arange(DIM)).sum().backward()
        assert all(w.grad is not None and w.grad.abs().sum() > 0 for w in net.parameters())


def read(net: Encoder, x: Tensor, days: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Behaviour and state after tokens (L, B, D) with gaps (L, B), of beginners if no state is given."""
    with torch.no_grad():
        return net(x, days, torch.zeros(x.shape[1], net.state_size) if state is None else state)


def tokens(seed: int, length: int, people: int) -> tuple[Tensor, Tensor]:
    """Random tokens (L, B, DIM) and days between them (L, B), from none to years."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length, people, DIM)).astype(np.float32)
    days = rng.choice([0.0, 0.01, 1.0, 30.0, 1000.0], (length, people)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(days)


def near(one: np.ndarray, two: np.ndarray) -> None:
    """Equal to :data:`TOLERANCE`."""
    np.testing.assert_allclose(one, two, atol=TOLERANCE, rtol=TOLERANCE)
