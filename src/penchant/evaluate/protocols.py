"""How a timeline is cut into what a model may learn from and what it is asked.

All protocols ask with everything that came before the moment, not only with the training part: a
person's state goes on through the test period, as it does in a shop.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput, NotEnoughData
from penchant.evaluate.recommender import Contexts, Questions, wanted
from penchant.model.histories import Histories
from penchant.model.tokens import main_kind
from penchant.types import EVENT_TYPES, EventType

DAY = 86_400.0
DEFAULT_DAYS = 28
"""Length of the test period."""
SHORT_DAYS = 84
"""A log shorter than this gives its last fifth instead."""
LAST_SHARE = 0.1
"""Share of the events that ``successive`` asks for."""
FEW_REPEATS = 0.01
"""Below this share of repeats a shop sells what people take once."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One training part and the questions that follow it.

    Attributes:
        label: what to call it in a report.
        train: events that may train. full: all events; contexts point into these.
        questions: what is asked.
        target: type predicted, None for any.
        known_people: (P,) bool, had an event before the cut.
        start, end: unix seconds of the first and last question's period.
        leave_out_seen: leave items of earlier events of the predicted type out of the ranking.
        validation: held out for early stopping, or None.
    """

    label: str
    train: Histories
    full: Histories
    questions: Questions
    target: EventType | None
    known_people: NDArray[np.bool_]
    start: float
    end: float
    leave_out_seen: bool = False
    validation: Questions | None = None


def main_type(histories: Histories) -> EventType:
    """Purchase where there are purchases, else rating, else the commonest type with an item.

    Raises:
        NotEnoughData: no event has an item.

    >>> from penchant.model.histories import histories_of
    >>> main_type(histories_of([[1, 2]])).value
    'purchase'
    """
    if not wanted(histories, None).any():
        raise NotEnoughData("no event has an item, so there is nothing to predict: import purchases or views")
    return EVENT_TYPES[main_kind(histories.items, histories.types)]


def leave_one_out(histories: Histories, target: EventType | None = None) -> Split:
    """The last event of each person is the test, the one before it validation, earlier ones train.

    Only events with an item count (and of type ``target``, where it is given). A person with fewer
    than three of them only trains. Items of earlier events of the predicted type are left out of the
    ranking, the predicted one excepted. Other people's later events are in the training part: that is
    how this protocol is defined in the literature (Kang and McAuley, SASRec, ICDM 2018), and why
    the other protocols are better guides to a shop's future.

    Raises:
        NotEnoughData: nobody has three events.
    """
    countable = wanted(histories, target)
    index = np.flatnonzero(countable)
    person = histories.person_of_event()
    counts = np.bincount(person[index], minlength=histories.people)
    chosen = np.flatnonzero(counts >= 3)
    if not len(chosen):
        raise NotEnoughData(
            "leave-one-out needs a person with at least three events with an item; nobody has"
        )
    last = np.cumsum(counts)[chosen] - 1
    tests, validations = index[last], index[last - 1]
    cut = histories.offsets[1:].copy()
    cut[chosen] = validations
    train = histories.keep(np.arange(histories.events) < cut[person])
    return Split(
        label="leave-one-out",
        train=train,
        full=histories,
        questions=_single(histories, tests),
        target=target,
        known_people=train.lengths() > 0,
        start=float(histories.times[tests].min()),
        end=float(histories.times[tests].max()),
        leave_out_seen=True,
        validation=_single(histories, validations),
    )


def time_split(histories: Histories, cut: float | None = None, target: EventType | None = None) -> Split:
    """Everything before ``cut`` trains; each later basket, or single event, is predicted.

    Args:
        histories: all events.
        cut: unix seconds; default :func:`default_cut`.
        target: type to predict; default :func:`main_type`.

    Raises:
        NotEnoughData: no event before the cut, or nothing to predict after it.
    """
    kind = target or main_type(histories)
    moment = default_cut(histories) if cut is None else cut
    questions = baskets_after(histories, moment, kind)
    return _split(histories, questions, (moment, float(histories.times.max())), kind, "time-split")


def prequential(
    histories: Histories, cut: float | None = None, target: EventType | None = None, blocks: int = 4
) -> list[Split]:
    """The time after ``cut`` in ``blocks`` of equal length; each is predicted by a model of all before it.

    Test, then train (Dawid, "Prequential analysis", JRSS A 147(2), 1984; Gama et al., 2013). Blocks
    without anything to predict are left out.

    Raises:
        InvalidInput: fewer than one block.
        NotEnoughData: no event before the cut, or nothing to predict after it.
    """
    if blocks < 1:
        raise InvalidInput(f"prequential evaluation needs at least one block, got {blocks}")
    kind = target or main_type(histories)
    moment = default_cut(histories) if cut is None else cut
    questions = baskets_after(histories, moment, kind)
    edges = np.linspace(moment, float(histories.times.max()), blocks + 1)
    which = np.clip(np.searchsorted(edges, questions.contexts.times, side="right") - 1, 0, blocks - 1)
    return [
        _split(
            histories,
            pick(questions, which == b),
            (float(edges[b]), float(edges[b + 1])),
            kind,
            f"block {b + 1}",
        )
        for b in range(blocks)
        if (which == b).any()
    ]


def successive(histories: Histories, cut: float | None = None, target: EventType | None = None) -> Split:
    """Every single ``target`` event from ``cut`` on is predicted from all that came before it.

    Unlike :func:`time_split`, a basket is asked item by item: what is already in it is known. Where
    hardly anything is taken twice (:data:`FEW_REPEATS` of the training part), items that the person
    took before are left out of the ranking, as in leave-one-out. The split is one moment for all, so
    that nothing of the future is in the training part (Ji et al., "A critical study on data leakage in
    recommender system offline evaluation", ACM TOIS 41(3), 2023).

    Args:
        histories: all events.
        cut: unix seconds; default :func:`last_share_cut`.
        target: type to predict; default :func:`main_type`.

    Raises:
        NotEnoughData: no event before the cut, or nothing to predict after it.
    """
    kind = target or main_type(histories)
    moment = last_share_cut(histories, kind) if cut is None else cut
    events = np.flatnonzero(wanted(histories, kind) & (histories.times >= moment))
    if not len(events):
        raise NotEnoughData(f"nothing of type {kind.value} to predict after the cut: choose an earlier one")
    period = (moment, float(histories.times.max()))
    split = _split(histories, _single(histories, events), period, kind, "successive")
    return replace(split, leave_out_seen=repeats(split.train, kind) < FEW_REPEATS)


def last_share_cut(histories: Histories, target: EventType) -> float:
    """The time from which on the last tenth of all ``target`` events happened, unix seconds.

    Raises:
        NotEnoughData: there is no such event.

    >>> from penchant.model.histories import histories_of
    >>> last_share_cut(histories_of([list(range(20))]), EventType.PURCHASE) / DAY
    18.0
    """
    times = np.sort(histories.times[wanted(histories, target)])
    if not len(times):
        raise NotEnoughData(f"there is no event of type {target.value} to evaluate on")
    return float(times[len(times) - max(1, round(LAST_SHARE * len(times)))])


def repeats(histories: Histories, target: EventType) -> float:
    """Share of ``target`` events on an item that the same person took before.

    >>> from penchant.model.histories import histories_of
    >>> repeats(histories_of([[1, 1, 2, 3]]), EventType.PURCHASE)
    0.25
    """
    index = np.flatnonzero(wanted(histories, target))
    pairs = np.stack([histories.person_of_event()[index], histories.items[index]])
    return 1.0 - np.unique(pairs, axis=1).shape[1] / max(1, len(index))


def without_tests(split: Split) -> Split:
    """A leave-one-out split that asks its validation events, the test events gone from the data.

    The training part stays, and so do the validation events as what training may stop by.
    """
    if split.validation is None:
        raise InvalidInput(f"{split.label!r} has no validation events: cut the log at its test part instead")
    tests, kept = split.questions.contexts.ends, np.ones(split.full.events, dtype=bool)
    kept[tests] = False
    full, ends = split.full.keep(kept), split.validation.contexts.ends
    asked = _single(full, ends - np.searchsorted(tests, ends))
    times = asked.contexts.times
    return replace(
        split,
        full=full,
        questions=asked,
        validation=asked,
        start=float(times.min()),
        end=float(times.max()),
    )


def default_cut(histories: Histories) -> float:
    """28 days before the last event; the last fifth of a log of less than 12 weeks. Unix seconds.

    Raises:
        NotEnoughData: no events.

    >>> from penchant.model.histories import histories_of
    >>> default_cut(histories_of([list(range(101))])) / DAY, default_cut(histories_of([[1] * 11])) / DAY
    (72.0, 8.0)
    """
    if not histories.events:
        raise NotEnoughData("there are no events to evaluate on: import some first")
    first, last = float(histories.times.min()), float(histories.times.max())
    return last - DEFAULT_DAYS * DAY if last - first >= SHORT_DAYS * DAY else first + 0.8 * (last - first)


def baskets_after(histories: Histories, cut: float, target: EventType) -> Questions:
    """Every basket of ``target`` events that begins at ``cut`` or later, with its distinct items.

    The end of a context is the first event of its basket. A basket that began before the cut is not
    asked. Ordered by person and time.

    Raises:
        NotEnoughData: there is none.
    """
    index = np.flatnonzero(wanted(histories, target))
    _, first, owner = np.unique(histories.baskets[index], return_index=True, return_inverse=True)
    late = histories.times[index[first]] >= cut
    if not late.any():
        raise NotEnoughData(f"nothing of type {target.value} to predict after the cut: choose an earlier one")
    starts = index[first][late]
    renumbered = np.where(late, np.cumsum(late) - 1, -1)[owner]
    asked = renumbered >= 0
    pairs = np.unique(np.stack([renumbered[asked], histories.items[index[asked]]]), axis=1)
    return Questions(
        contexts=_contexts(histories, starts),
        types=np.full(len(starts), target.code, dtype=np.int8),
        owner=pairs[0].astype(np.int64),
        items=pairs[1].astype(np.int32),
    )


def pick(questions: Questions, mask: NDArray[np.bool_]) -> Questions:
    """Only the contexts where ``mask`` (C,) holds, renumbered."""
    kept = mask[questions.owner]
    return Questions(
        contexts=questions.contexts.take(mask),
        types=questions.types[mask],
        owner=(np.cumsum(mask) - 1)[questions.owner[kept]].astype(np.int64),
        items=questions.items[kept],
    )


def _split(
    histories: Histories, questions: Questions, period: tuple[float, float], target: EventType, label: str
) -> Split:
    start, end = period
    train = histories.before(start)
    if not train.events:
        raise NotEnoughData("there is no event before the cut to train on: choose a later cut")
    return Split(label, train, histories, questions, target, train.lengths() > 0, start, end)


def _contexts(histories: Histories, events: NDArray[np.int64]) -> Contexts:
    """The moments just before ``events``."""
    people = np.searchsorted(histories.offsets, events, side="right") - 1
    return Contexts(people.astype(np.int64), events.astype(np.int64), histories.times[events])


def _single(histories: Histories, events: NDArray[np.int64]) -> Questions:
    """One question per event: that event's item."""
    return Questions(
        contexts=_contexts(histories, events),
        types=histories.types[events],
        owner=np.arange(len(events), dtype=np.int64),
        items=histories.items[events],
    )
