"""One learning on, from a champion to a judged challenger: pure, over arrays.

What a champion has learned ends at a moment of the shop's time. Of what came since, the newest baskets are
the window: both models are asked them first, and they are learned in the next pass (test, then train). All
between is learned, once: a pass begins exactly where the one before it ended. An event that comes so late
that its time is learned already is read as history and may be replayed, but is not learned as fresh.

Besides the window both are asked old baskets (the memory), and the challenger is compared with the last
training from scratch on a set of its past that does not change (the anchor): baskets that were held out from
that training, and that no pass since learns. What a training knows by heart nobody who learns on can match.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from penchant.errors import NotEnoughData
from penchant.learn.asking import ask, main_questions, vitals
from penchant.learn.consolidate import Consolidation
from penchant.learn.continued import Known, Pace, Pass, learn_on
from penchant.learn.gate import Evidence, GateSettings, Part, Verdict, judge
from penchant.learn.replay import Replay, Reservoir
from penchant.model.examples import Questions, basket_questions
from penchant.model.histories import Histories, IntArray
from penchant.model.scoring import PreferenceModel
from penchant.model.trend import TrendTable
from penchant.model.validation import marks_of

Learn = Callable[[PreferenceModel, Pass, int], PreferenceModel]
"""Makes the challenger; :func:`~penchant.learn.continued.learn_on` where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a pass learns and is judged.

    Attributes:
        pace, replay, consolidations: of the learning. gate: of the judging; its ``least`` is the least
            number of people in the window.
        share: of the people who came since, the newest so many are the window. window: people in it at most.
        memory, anchor: people in each at most, with one basket each.
    """

    pace: Pace = field(default_factory=Pace)
    replay: Replay = field(default_factory=Reservoir)
    consolidations: Sequence[Consolidation] = ()
    gate: GateSettings = field(default_factory=GateSettings)
    share: float = 0.2
    window: int = 5_000
    memory: int = 5_000
    anchor: int = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What one pass is to do.

    Attributes:
        since, to: events of ``since <= time < to`` (unix seconds) are learned. window: the questions after.
        events, checksum: of what is learned, see :func:`checksum_of`.
    """

    since: float
    to: float
    window: Questions
    events: int
    checksum: str


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The last training from scratch, and the moment up to which it has learned (unix seconds)."""

    model: PreferenceModel
    to: float


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A challenger and what the gate says of it."""

    task: Task
    challenger: PreferenceModel
    verdict: Verdict


def next_task(histories: Histories, since: float, rules: Rules) -> Task:
    """What a champion that has learned up to ``since`` is to learn and to be asked next.

    Raises:
        NotEnoughData: too few people came since for a window, or nothing is left beside it.

    >>> from penchant.model.histories import histories_of
    >>> log = histories_of([[1, 2, 3, 4], [5, 6, 7, 8]])
    >>> task = next_task(log, 86_400.0, Rules(gate=GateSettings(least=1)))
    >>> task.to / 86_400, task.events, task.window.items.tolist()
    (3.0, 4, [4, 8])
    """
    questions = main_questions(histories)
    fresh = questions.take(np.flatnonzero(questions.times >= since))
    to = _cut(fresh, rules)
    asked = basket_questions(histories).times
    if not ((asked >= since) & (asked < to)).any():
        raise NotEnoughData(
            "all that came since the last learning is needed to judge what would be learned. Wait for more"
        )
    window = fresh.take(np.flatnonzero(fresh.times >= to))
    return Task(since, to, window, *checksum_of(histories, since, to))


def _cut(fresh: Questions, rules: Rules) -> float:
    """Where the window begins: as late as it can with enough people in it, as the gate counts them."""
    newest = np.argsort(-fresh.times, kind="stable")
    times, rank = fresh.times[newest], _ranks_within(fresh.people[newest])
    people = np.cumsum(rank == 0)
    least = rules.gate.least
    # Effective people, see PairedLoss: the sum of squares grows by 2n + 1 where a person's n grows by one.
    effective = np.arange(1, len(rank) + 1) ** 2 / np.cumsum(2 * rank + 1)
    some = min(int(rules.share * people[-1]) if len(people) else 0, rules.window)
    whole = np.append(np.diff(times) != 0, True)[: len(times)]  # all of one moment, or none of it
    enough = np.flatnonzero((people >= some) & (effective >= least) & whole)
    if not len(enough):
        most = effective.max(initial=0.0)
        raise NotEnoughData(
            f"people who wanted something since the last learning are worth {most:,.0f} who ask equally "
            f"often; {least:,} are needed to judge what would be learned. Wait, or lower `least` of [learn] "
            "in shop.toml"
        )
    return float(times[enough[0]])


def _ranks_within(people: IntArray) -> IntArray:
    """How often each one was there before, (Q,).

    >>> _ranks_within(np.array([7, 7, 3, 7])).tolist()
    [0, 1, 0, 2]
    """
    order = np.argsort(people, kind="stable")
    begins = np.append(True, np.diff(people[order]) != 0)[: len(people)]
    place = np.arange(len(people))
    found = np.empty(len(people), np.int64)
    found[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return found


def checksum_of(histories: Histories, since: float, to: float) -> tuple[int, str]:
    """How many events there are of ``since <= time < to``, and a hash of their times, items and types.

    >>> from penchant.model.histories import histories_of
    >>> checksum_of(histories_of([[1, 2], [3]]), 0.0, 86_400.0)[0]
    2
    """
    rows = np.flatnonzero((histories.times >= since) & (histories.times < to))
    parts = histories.times[rows], histories.items[rows], histories.types[rows]
    order = np.lexsort(parts[::-1])
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(np.ascontiguousarray(part[order]).tobytes())
    return len(rows), digest.hexdigest()


def attempt(
    champion: PreferenceModel,
    known: Known,
    task: Task,
    rules: Rules | None = None,
    *,
    reference: Reference | None = None,
    seed: int = 0,
    learn: Learn = learn_on,
) -> Attempt:
    """Learn ``task`` and judge what comes out; the champion is not changed.

    Args:
        champion: what serves. It has a row for every item of ``known``.
        known: everything up to now, the window with it.
        task: of :func:`next_task`, for the same histories.
        rules: how.
        reference: None where the last training from scratch is not there any more: then no anchor is asked.
        seed: of all that is drawn.
        learn: makes the challenger.
    """
    rules = rules or Rules()
    before = replace(known, histories=known.histories.before(task.to))
    job = Pass(before, task.since, rules.pace, rules.replay, rules.consolidations)
    challenger = learn(champion, job, seed)
    return Attempt(task, challenger, _judged(champion, challenger, known, task, rules, reference, seed))


def _judged(  # noqa: PLR0917
    champion: PreferenceModel,
    challenger: PreferenceModel,
    known: Known,
    task: Task,
    rules: Rules,
    reference: Reference | None,
    seed: int,
) -> Verdict:
    trend = TrendTable.of(known.histories)
    old, new = (ask(model, known, task.window, trend) for model in (champion, challenger))
    evidence = [Evidence("newest", old.ndcg, new.ndcg, task.window.people)]
    for name, other, questions in _parts(champion, known, task, rules, reference, seed):
        if len(questions) >= rules.gate.least:
            first, second = (ask(model, known, questions, trend).ndcg for model in (other, challenger))
            evidence.append(Evidence(name, first, second, questions.people))
    return judge(evidence, vitals(champion, old), vitals(challenger, new), rules.gate)


def _parts(  # noqa: PLR0917
    champion: PreferenceModel,
    known: Known,
    task: Task,
    rules: Rules,
    reference: Reference | None,
    seed: int,
) -> list[tuple[Part, PreferenceModel, Questions]]:
    """What is asked beside the window, and with whom the challenger is compared there."""
    past = main_questions(known.histories)
    old = past.take(np.flatnonzero(past.times < task.since))
    order = np.random.default_rng(seed).permutation(len(old))
    parts: list[tuple[Part, PreferenceModel, Questions]] = [
        ("memory", champion, one_each(old, order, rules.memory))
    ]
    if reference is not None:
        unlearned = (past.times < reference.to) & np.isin(marks_of(past), reference.model.apart)
        fixed = past.take(np.flatnonzero(unlearned))
        parts.append(("anchor", reference.model, one_each(fixed, np.argsort(marks_of(fixed)), rules.anchor)))
    return parts


def one_each(questions: Questions, order: IntArray, people: int) -> Questions:
    """One question of each of at most so many people, the first in ``order``.

    >>> from penchant.model.histories import histories_of
    >>> asked = basket_questions(histories_of([[1, 2, 3], [4]]))
    >>> one_each(asked, np.array([2, 3, 1, 0]), 9).items.tolist()
    [3, 4]
    """
    first = np.sort(np.unique(questions.people[order], return_index=True)[1])[:people]
    return questions.take(np.sort(order[first]))
