from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.model.histories import histories_of
from penchant.model.objective import next_basket_loss, rivals
from penchant.model.repeat import features, surroundings
from penchant.model.training import Trainer

ITEMS = 12


@pytest.mark.parametrize("short", [100, 1])
def test_the_loss_is_that_of_scoring_every_item(rng, small, short) -> None:
    """Plainly: each question by itself, each item by itself, the repeat score where it is remembered."""
    rows = [rng.integers(0, ITEMS, rng.integers(2, 9)).tolist() for _ in range(12)]
    trainer = Trainer(histories_of(rows), None, replace(small, short=short, window=4), ITEMS, None)
    seen_items = np.flatnonzero(trainer.counts)
    torch.nn.init.normal_(trainer.net.repeat.out.weight)
    kinds = set()
    for batch, against in trainer._batches():
        if against is None:
            continue
        h = torch.randn(len(batch.questions), len(trainer.net.start))
        answers = trainer.questions.take(batch.questions)
        found = next_basket_loss(trainer.net, h, against)
        expected = []
        for row in range(len(answers)):
            scores = plain_scores(trainer, batch, answers, h, row)
            right = answers.items[answers.offsets[row] : answers.offsets[row + 1]]
            remembered = batch.memory["item"][row]
            among = np.union1d(np.union1d(seen_items, right), remembered[remembered >= 0])
            lost = torch.logsumexp(scores[among], 0) - scores[right]
            expected.append(lost.mean())
            kinds.add((bool((remembered >= 0).any()), bool(np.isin(right, remembered).all())))
        torch.testing.assert_close(found, torch.stack(expected).mean(), rtol=1e-5, atol=1e-6)
    assert {(False, False), (True, False), (True, True)} <= kinds


def plain_scores(trainer, batch, answers, h, row):
    net, moment = trainer.net, answers.times[row : row + 1]
    vectors, bias = net.items(torch.arange(ITEMS))
    seen = trainer.trend.features(np.arange(ITEMS), np.repeat(moment, ITEMS))
    scores = net.personal * (vectors @ h[row]) + bias + torch.from_numpy(seen) @ net.trend
    around = surroundings(batch.memory[row : row + 1], moment)
    for entry in batch.memory[row][batch.memory["item"][row] >= 0]:
        known = features(np.array([entry], entry.dtype), moment, batch.events[row : row + 1], around)
        item = int(entry["item"])
        one = torch.zeros(1, dtype=torch.int64)
        suited = net.repeat.suited(h[row : row + 1], vectors[item : item + 1], one, one)
        scores = scores.index_put((torch.tensor([item]),), net.repeat(torch.from_numpy(known), suited))
    return scores


def test_a_batch_without_anything_remembered_or_new(rng, small) -> None:
    """First baskets alone, and baskets of remembered things alone."""
    trainer = Trainer(histories_of([[3, 3, 3], [3, 3], [3, 3]]), None, small, ITEMS, None)
    sizes = set()
    for batch, against in trainer._batches():
        for rows in ([0], range(len(batch.questions))):
            h = torch.randn(len(list(rows)), len(trainer.net.start))
            part = replace(
                batch,
                questions=batch.questions[list(rows)],
                memory=batch.memory[list(rows)],
                events=batch.events[list(rows)],
            )
            answers = trainer.questions.take(part.questions)
            some = rivals(part, answers, trainer.sampler.draw(rng), trainer.trend, ITEMS)
            sizes.add((len(some.known) > 0, len(some.new) > 0))
            assert torch.isfinite(next_basket_loss(trainer.net, h, some))
        assert against is not None
    assert sizes - {(True, True)}
