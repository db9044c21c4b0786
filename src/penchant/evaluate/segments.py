"""Which questions belong to whom: new people, new items, repeats, long and short histories."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from penchant.evaluate.protocols import Split

Mask = NDArray[np.bool_]
LENGTHS = (0, 1, 5, 20, 100, 500)
"""Lower edges of the groups by history length."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """All questions of an evaluation, those of several splits one after the other.

    Attributes:
        people: (C,) row of the person.
        times: (C,) unix seconds.
        owner: (R,) question of each relevant item. items: (R,) its row.
        segments: name → (R,) bool, the relevant items that belong to it. A question with none of
            them is not in the segment; the lists stay the same.
    """

    people: NDArray[np.int64]
    times: NDArray[np.float64]
    owner: NDArray[np.int64]
    items: NDArray[np.int32]
    segments: dict[str, Mask]

    def __len__(self) -> int:
        return len(self.people)


def pool(splits: Sequence[Split], items: int) -> Pool:
    """Questions of all splits joined, with their segments; ``items`` is the size of the catalogue."""
    starts = np.concatenate([[0], np.cumsum([len(s.questions) for s in splits])])
    masks = [segments(split, items) for split in splits]
    return Pool(
        people=np.concatenate([s.questions.contexts.people for s in splits]),
        times=np.concatenate([s.questions.contexts.times for s in splits]),
        owner=np.concatenate([s.questions.owner + start for s, start in zip(splits, starts, strict=False)]),
        items=np.concatenate([s.questions.items for s in splits]),
        segments={name: np.concatenate([mask[name] for mask in masks]) for name in masks[0]},
    )


def segments(split: Split, items: int) -> dict[str, Mask]:
    """Masks (R,) over the relevant items of one split.

    - ``first-time`` / ``repeat``: the person had no / an earlier event of the predicted type on it
    - ``new-users``: the person had no event before the cut
    - ``new-items``: no event on the item in the training part
    - ``history-a-to-b``: events of the person before the question
    """
    questions, full = split.questions, split.full
    contexts = questions.contexts
    repeat = taken_before(split)
    trained = np.zeros(items, dtype=bool)
    trained[split.train.items[split.train.items >= 0]] = True
    length = contexts.ends - full.offsets[contexts.people]
    group = np.searchsorted(LENGTHS, length, side="right") - 1
    found = {
        "repeat": repeat,
        "first-time": ~repeat,
        "new-users": ~split.known_people[contexts.people][questions.owner],
        "new-items": ~trained[questions.items],
    }
    for i, name in enumerate(length_names()):
        found[name] = (group == i)[questions.owner]
    return found


def length_names() -> list[str]:
    """Names of the groups by history length.

    >>> length_names()[0], length_names()[1], length_names()[-1]
    ('history-0', 'history-1-to-4', 'history-500-up')
    """
    closed = [
        f"history-{low}" if high == low + 1 else f"history-{low}-to-{high - 1}"
        for low, high in pairwise(LENGTHS)
    ]
    return [*closed, f"history-{LENGTHS[-1]}-up"]


def taken_before(split: Split) -> Mask:
    """Relevant items on which the person had an event of the predicted type before the question, (R,)."""
    full, questions = split.full, split.questions
    width = int(max(full.items.max(initial=0), questions.items.max(initial=0))) + 1
    kinds = int(full.types.max(initial=0)) + 1
    with_item = np.flatnonzero(full.items >= 0)
    keys = (full.person_of_event() * kinds + full.types) * width + full.items
    known, first = np.unique(keys[with_item], return_index=True)
    contexts = questions.contexts
    asked = contexts.people[questions.owner] * kinds + questions.types[questions.owner]
    place = np.searchsorted(known, asked * width + questions.items)
    return with_item[first[place]] < contexts.ends[questions.owner]
