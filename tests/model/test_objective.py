import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.model import losses, objective
from penchant.model.entries import filled, items_of
from penchant.model.histories import histories_of
from penchant.model.objective import next_basket_loss
from penchant.model.repeat import features, setting
from penchant.model.training import Trainer

ITEMS = 12


@pytest.fixture(autouse=True)
def held(request, monkeypatch) -> bool:
    """Whether the trend of all items is held; here by default."""
    held = getattr(request, "param", True)
    monkeypatch.setattr(objective, "HELD", objective.HELD if held else 0)
    monkeypatch.setattr(losses, "BLOCK", 5)  # of 12 items: two whole ones and a rest
    return held


@pytest.mark.parametrize("held", [True, False], indirect=True)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("short", [100, 1])
def test_the_loss_is_that_of_scoring_every_item(rng, small, short, full, held) -> None:
    """Plainly: each question by itself, each item by itself, the repeat score where it is remembered."""
    rows = [rng.integers(0, ITEMS, rng.integers(2, 9)).tolist() for _ in range(12)]
    trainer = Trainer(histories_of(rows), None, replace(small, short=short, window=4), ITEMS, None)
    seen_items = np.flatnonzero(trainer.counts)
    torch.nn.init.normal_(trainer.net.repeat.out.weight)
    kinds = set()
    for batch, answers, against in islice(trainer._batches(), 12):  # an epoch of so few has many passes
        if against is None:
            continue
        h = torch.randn(len(batch.questions), len(trainer.net.start))
        assert (against.drawn_seen.held is not None) == held
        found = next_basket_loss(trainer.net, h, against, full=full)
        expected = []
        for row in range(len(answers)):
            scores = plain_scores(trainer, batch, answers, h, row)
            right = answers.items[answers.offsets[row] : answers.offsets[row + 1]]
            remembered = items_of(batch.memory[row])
            among = np.union1d(np.union1d(seen_items, right), remembered[remembered >= 0])
            lost = torch.logsumexp(scores[among], 0) - scores[right]
            expected.append(lost.mean())
            kinds.add((bool((remembered >= 0).any()), bool(np.isin(right, remembered).all())))
        torch.testing.assert_close(found, torch.stack(expected).mean(), rtol=1e-5, atol=1e-6)
    assert {(False, False), (True, False), (True, True)} <= kinds


def test_gradients_by_blocks_are_those_of_all_at_once(rng, small) -> None:
    rows = [rng.integers(0, ITEMS, rng.integers(2, 9)).tolist() for _ in range(12)]
    trainer = Trainer(histories_of(rows), None, replace(small, loss="full"), ITEMS, None)
    torch.nn.init.normal_(trainer.net.repeat.out.weight)
    for batch, _, against in trainer._batches():
        h = torch.randn(len(batch.questions), len(trainer.net.start), requires_grad=True)
        found = {}
        for full in (False, True):
            trainer.net.zero_grad()
            h.grad = None
            (3.0 * next_basket_loss(trainer.net, h, against, full=full)).backward()
            named = {name: w.grad for name, w in trainer.net.named_parameters() if w.grad is not None}
            found[full] = {"h": h.grad, **{name: grad.clone() for name, grad in named.items()}}
        assert {"h", "items.ids", "items.bias", "trend", "repeat.out.weight"} <= set(found[True])
        for name, grad in found[True].items():
            torch.testing.assert_close(grad, found[False][name], rtol=1e-5, atol=1e-6)


def test_where_nothing_else_can_be_taken_the_full_loss_is_finite(small) -> None:
    """Both items are everybody's own candidates."""
    trainer = Trainer(histories_of([[0, 1, 0, 1]] * 3), None, replace(small, loss="full"), 2, None)
    for batch, _, against in trainer._batches():
        h = torch.randn(len(batch.questions), len(trainer.net.start), requires_grad=True)
        loss = next_basket_loss(trainer.net, h, against, full=True)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(h.grad).all()


MEMORY = """
import sys
from pathlib import Path

import torch
from penchant.model.losses import full_log_sum_exp

torch.set_num_threads(1)
items, people, dim = int(sys.argv[1]), 128, 64
tensors = [torch.randn(people, dim), torch.randn(items, dim).mul_(0.1), torch.zeros(items), torch.ones(3)]
extra = lambda part: torch.zeros(part.stop - part.start, people, 3)
nothing = torch.zeros(2, 0, dtype=torch.int64)

# Not ru_maxrss: a child begins with that of its parent, which here is a long test run.
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

before = peak()
for tensor in tensors:
    tensor.requires_grad_()
full_log_sum_exp(*tensors, extra, nothing).sum().backward()
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_the_full_loss_of_a_million_items_takes_bounded_memory() -> None:
    """The scores alone would be 512 MB, and twice that with their gradient; item gradients are 260 MB."""
    command = [sys.executable, "-c", MEMORY, "1000000"]
    path = str(Path(losses.__file__).parents[2])
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, check=True, capture_output=True, text=True
    )
    assert 240 < float(done.stdout) < 500


def plain_scores(trainer, batch, answers, h, row):
    net, moment = trainer.net, answers.times[row : row + 1]
    vectors, bias = net.items(torch.arange(ITEMS))
    seen = trainer.trend.features(np.arange(ITEMS), np.repeat(moment, ITEMS))
    scores = net.personal * (vectors @ h[row]) + bias + torch.from_numpy(seen) @ net.trend
    for place in np.flatnonzero(filled(batch.memory[row])):
        entry, whose = batch.memory[row : row + 1, place], np.zeros(1, np.int64)
        item, memory = int(items_of(entry)[0]), batch.memory[row : row + 1]
        at = setting(memory, moment, batch.events[row : row + 1], whose, np.array([place]), seen[[item]])
        known = features(entry, at)
        one = torch.zeros(1, dtype=torch.int64)
        suited = net.repeat.suited(h[row : row + 1], vectors[item : item + 1], one, one)
        again = net.repeat(torch.from_numpy(known), suited)
        scores = scores.index_put((torch.tensor([item]),), again)
    return scores


def test_a_batch_without_anything_remembered_or_new(rng, small) -> None:
    """First baskets alone, and baskets of remembered things alone."""
    trainer = Trainer(histories_of([[3, 3, 3], [3, 3], [3, 3]]), None, small, ITEMS, None)
    sizes = set()
    for batch, _, against in trainer._batches():
        for rows in ([0], range(len(batch.questions))):
            h = torch.randn(len(list(rows)), len(trainer.net.start))
            part = replace(
                batch,
                questions=batch.questions[list(rows)],
                memory=batch.memory[list(rows)],
                events=batch.events[list(rows)],
            )
            answers = trainer.questions.take(part.questions)
            some = trainer.lessons.rivals(part, answers, trainer.sampler.draw(rng))
            sizes.add((len(some.known) > 0, len(some.new) > 0))
            assert torch.isfinite(next_basket_loss(trainer.net, h, some))
        assert against is not None
    assert sizes - {(True, True)}
