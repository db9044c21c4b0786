import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from penchant.errors import SettingsError
from penchant.model import optimisers
from penchant.model.histories import histories_of
from penchant.model.objective import next_basket_loss
from penchant.model.optimisers import RunningMean, Stepper, make_optimizer
from penchant.model.settings import ModelSettings
from penchant.model.training import Trainer

ROWS = [[3, 4, 5, 6], [4, 5, 6], [5, 6, 3], [6, 3, 4, 5, 6], [3, 4]]


def trained(settings, parts):
    """Weights after one step on the questions of ``parts``, against all items."""
    torch.manual_seed(0)
    trainer = Trainer(histories_of(ROWS), None, replace(settings, loss="full"), 9, None)
    net, stepper = trainer.net, trainer.stepper
    stepper.optimizer = torch.optim.SGD(net.parameters(), lr=0.5)  # Adam's first step knows no length
    batch = next(trainer._batches())[0]
    h = torch.randn(len(batch.questions), len(net.start))
    for part in parts:
        rows = list(part)
        some = replace(
            batch, questions=batch.questions[rows], memory=batch.memory[rows], events=batch.events[rows]
        )
        answers = trainer.questions.take(some.questions)
        against = trainer.lessons.rivals(some, answers, trainer.sampler.draw(trainer.rng))
        stepper.backward(next_basket_loss(net, h[rows], against, full=True), len(rows))
    stepper.step()
    return dict(net.named_parameters())


def test_a_step_of_three_unlike_batches_is_that_of_one_large_one(small) -> None:
    whole = trained(small, [range(9)])
    parts = trained(replace(small, accumulate=3), [range(2), range(2, 6), range(6, 9)])
    for name, weight in whole.items():
        torch.testing.assert_close(weight, parts[name], rtol=1e-4, atol=1e-6)


def test_what_is_left_at_the_end_of_an_epoch_is_a_step_too(small) -> None:
    whole = trained(small, [range(9)])
    parts = trained(replace(small, accumulate=9), [range(2), range(2, 9)])
    for name, weight in whole.items():
        torch.testing.assert_close(weight, parts[name], rtol=1e-4, atol=1e-6)


def net_of(settings):
    return Trainer(histories_of(ROWS), None, settings, 9, None).net


def test_id_vectors_have_a_weight_decay_of_their_own(small) -> None:
    for settings, ids, rest in (
        (replace(small, id_decay=0.5), True, False),
        (replace(small, weight_decay=0.5), False, True),
    ):
        net = net_of(settings)
        before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
        optimizer = make_optimizer(net, settings)
        for weight in net.parameters():
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
        moved = {name: not torch.equal(before[name], weight) for name, weight in net.named_parameters()}
        assert moved["items.ids"] == ids
        assert moved["start"] == rest


def test_the_named_optimiser_is_taken(small) -> None:
    assert isinstance(make_optimizer(net_of(small), small), torch.optim.AdamW)
    settings = replace(small, optimizer="adagrad")
    assert isinstance(make_optimizer(net_of(settings), settings), torch.optim.Adagrad)
    with pytest.raises(SettingsError, match="optimizer is one of adamw, adagrad, not 'sgd'"):
        ModelSettings(optimizer="sgd")
    with pytest.raises(SettingsError, match="loss is one of"):
        ModelSettings(loss="hinge")


@pytest.mark.parametrize(
    ("name", "more"), [("AdamW", {"fused": True}), ("Adagrad", {"fused": True}), ("LBFGS", {"max_iter": 3})]
)
def test_without_the_compiler_steps_and_states_are_those_of_torch(name, more) -> None:
    def steps(kind, taken_from=None):
        torch.manual_seed(0)
        weights = [torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)]
        optimizer = kind(weights, lr=0.1, **more)
        if taken_from is not None:
            optimizer.load_state_dict(taken_from)

        def loss():
            optimizer.zero_grad(set_to_none=True)
            found = (weights[0] @ weights[1] - 1).square().sum()
            found.backward()
            return found

        for _ in range(5):
            optimizer.step(loss)
        return torch.cat([weight.detach().ravel() for weight in weights]), optimizer.state_dict()

    ours, theirs = getattr(optimisers, name), getattr(torch.optim, name)
    assert issubclass(ours, theirs)
    (weights, state), (expected, other) = steps(ours), steps(theirs)
    assert torch.equal(weights, expected)
    # What one has kept the other goes on from, as a checkpoint of before does.
    goes_on, same = steps(ours, other)[0], steps(theirs, state)[0]
    assert torch.equal(goes_on, same)
    assert not torch.equal(goes_on, weights), "nothing was taken over"


def test_no_optimiser_loads_the_compiler() -> None:
    code = """
import sys, torch
from penchant.model.optimisers import LBFGS, AdamW, Adagrad
for kind in (LBFGS, AdamW, Adagrad):
    weight = torch.ones(3, requires_grad=True)
    optimizer = kind([weight])
    def loss():
        optimizer.zero_grad()
        found = weight.square().sum()
        found.backward()
        return found
    optimizer.step(loss)
    optimizer.load_state_dict(optimizer.state_dict())
    assert float(weight[0]) < 1
print(*sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch._dynamo", "sympy"} & set(found.stdout.split())


def test_the_running_mean_is_that_of_the_later_half_at_first(small) -> None:
    net = net_of(small)
    average = RunningMean(net)
    for step in range(1, 41):
        with torch.no_grad():
            net.start.fill_(float(step))
        average.follow(list(net.parameters()))
        if step == 1:
            assert all(map(torch.equal, average.module.parameters(), net.parameters()))
    # Weights 2/(n+2) make a mean that grows with the step: two thirds of the way.
    assert average.module.start[0].item() == pytest.approx(2 / 3 * 40, rel=0.05)


def test_a_stepper_without_gradients_does_nothing(small) -> None:
    net = net_of(small)
    before = net.start.detach().clone()
    Stepper(net, replace(small, weight_decay=0.5)).step()
    assert torch.equal(before, net.start)
