"""All dials of a trained net, set by baskets that did not train."""

import torch

from penchant.model.calibration import calibrate
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, IntArray
from penchant.model.net import PreferenceNet
from penchant.model.scoring import Answers, item_scores
from penchant.model.trend import TrendTable
from penchant.model.unseen import unseen_levels


def set_dials(
    net: PreferenceNet,
    answers: Answers,
    held_out: Questions,
    trend: TrendTable,
    counts: FloatArray,
    *,
    discovery: float,
    frequency: IntArray,
) -> None:
    """What the parts of a score count (``model/calibration.py``), then the level of items that nobody took.

    Args:
        net: whose dials are set; new items are in their places.
        answers: the net's, to the questions ``held_out``.
        held_out: baskets that did not train.
        trend: of the training log.
        counts: (N,) how often each item was taken in training.
        discovery: see :func:`~penchant.model.calibration.calibrate`.
        frequency: (Q,) likewise.
    """
    items = item_scores(net, counts)
    net.dial(calibrate(answers, items, trend, held_out, discovery=discovery, frequency=frequency))
    served, white = item_scores(net, counts), net.items.white.numpy()
    net.unseen.copy_(torch.from_numpy(unseen_levels(answers, served, trend, held_out, white, counts)))
