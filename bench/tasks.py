"""A split as the arrays that peers read (``peers/exchange.py``)."""

import importlib.util
from pathlib import Path

import numpy as np

from penchant.evaluate.protocols import Split
from penchant.evaluate.recommender import NEGATIVE, Questions

PEERS = Path(__file__).parent / "peers"


def _exchange():
    spec = importlib.util.spec_from_file_location("exchange", PEERS / "exchange.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


exchange = _exchange()


def task_of(split: Split, n_items: int, text: np.ndarray | None, *, tuning: bool):
    """The task of ``split``; ``tuning`` gives its answers too, to stop by."""
    valid = split.questions if tuning else split.validation
    return exchange.Task(
        train=_log(split.train),
        full=_log(split.full),
        asked=_asked(split, split.questions, known=False),
        valid=None if valid is None else _asked(split, valid, known=True),
        n_items=n_items,
        target=-1 if split.target is None else split.target.code,
        text=text,
    )


def _log(histories):
    """Types that say that an item was not wanted get -1."""
    types = np.where(np.isin(histories.types, NEGATIVE), -1, histories.types).astype(np.int8)
    return exchange.Log(histories.offsets, histories.items, types, histories.times, histories.baskets)


def _asked(split: Split, questions: Questions, *, known: bool):
    contexts = questions.contexts
    nothing = np.zeros(0, np.int64)
    return exchange.Asked(
        people=contexts.people,
        ends=contexts.ends,
        times=contexts.times,
        banned=banned(split, questions),
        owner=questions.owner if known else nothing,
        items=questions.items.astype(np.int64) if known else nothing,
    )


def banned(split: Split, questions: Questions) -> np.ndarray:
    """(question, item) pairs that are left out, in order: the same as ``ranked.leave_out_seen``."""
    if not split.leave_out_seen:
        return np.zeros((0, 2), np.int64)
    full, contexts = split.full, questions.contexts
    pairs = []
    for row, (person, end, kind) in enumerate(
        zip(contexts.people, contexts.ends, questions.types, strict=True)
    ):
        begin = full.offsets[person]
        seen = full.items[begin:end][(full.types[begin:end] == kind) & (full.items[begin:end] >= 0)]
        pairs.append(np.stack([np.full(len(seen), row), seen], axis=1))
    width = int(full.items.max()) + 1
    keys = np.unique(np.concatenate(pairs) @ np.array([width, 1]))
    keys = np.setdiff1d(keys, questions.owner * width + questions.items, assume_unique=False)
    return np.stack([keys // width, keys % width], axis=1)
