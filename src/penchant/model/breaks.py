"""Whether a person's taste broke off: what was remembered before a clean break counts less. Numpy only.

Of each moment between two visits two things may be so: taste broke off there, or it is as it was and none of
the old things came back by chance. The longer nothing comes back from somebody who used to come back, the
surer the break; one old thing that is taken again takes it away. It is read from the entries alone, so states
and weights have no part in it. After Adams and MacKay, Bayesian online changepoint detection, arXiv
0710.3742 (2007), with two hypotheses.
"""

import numpy as np
from numpy.typing import NDArray

from penchant.model.entries import UNIT, ago, count_of, filled, span_of, units
from penchant.model.tokens import DAY, SESSION

ODDS = 0.1
"""Of a break between two visits, before anything is known."""

WITHOUT = 2.0
"""Takings without a repeat that everybody is given on top: who has few says little."""


def outlived(memory: NDArray[np.void], now: NDArray[np.float64]) -> NDArray[np.float32]:
    """What to take off the repeat score of each entry of whole memories (P, M) at ``now`` (P,): (P, M).

    The log of one plus the odds of a break after it, to that without any evidence; 0 for free places.

    >>> from penchant.model.repeat import remember_all
    >>> from penchant.types import EventType
    >>> items, days = np.array([7, 8, 7, 8, 7, 8, 1, 2, 3], np.int32), np.arange(9.0) * DAY
    >>> buys = np.full(9, EventType.PURCHASE.code, np.int8)
    >>> memory = remember_all(items, buys, days, 9)  # of 7, 8, 1, 2, 3 by their last event
    >>> outlived(memory[None], days[-1:])[0].astype(float).round(2).tolist()
    [0.49, 0.49, 0.19, 0.06, 0.0]
    """
    counts, span = count_of(memory), span_of(memory)
    # Several events of one visit are no coming back: at most one for each day from the first to the last.
    again = np.minimum(np.maximum(counts - 1, 0), span)
    if not again.any():  # Nobody ever came back to anything, so nothing speaks for a break.
        return np.zeros(memory.shape, np.float32)
    known, since = filled(memory), ago(memory, units(now)[:, None])
    begins = np.ones(memory.shape, bool)  # a visit, with the entry
    begins[:, 1:] = since[:, :-1] - since[:, 1:] > SESSION / UNIT
    visits = np.cumsum(begins[:, ::-1], axis=1)[:, ::-1]
    # Of what was wanted before each entry but the first.
    share = (np.cumsum(again, axis=1) / (np.cumsum(counts, axis=1) + WITHOUT))[:, :-1]
    last = np.where(known, since * (UNIT / DAY), np.inf)
    first = np.where(span > 0, last + span + 1.0, last)
    oldest = np.maximum.accumulate(first[:, ::-1], axis=1)[:, ::-1]
    newest = np.minimum.accumulate(last, axis=1)  # what came late stands after what happened after it
    clean = begins[:, 1:] & (oldest[:, 1:] < newest[:, :-1])
    # In logs: after some hundred visits the odds themselves are too large for a float.
    before = np.log(ODDS)
    odds = before - np.where(clean, visits[:, 1:] * np.log1p(-share), 0.0)
    later = np.full(memory.shape, before)
    later[:, :-1] = np.maximum.accumulate(odds[:, ::-1], axis=1)[:, ::-1]
    return np.where(known, np.logaddexp(0.0, later) - np.logaddexp(0.0, before), 0.0).astype(np.float32)
