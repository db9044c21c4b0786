"""Learning on from a trained model: one pass over what is fresh and some of what is old, all weights.

The last fresh baskets of some people are held out, and set the dials anew as at the end of a training.

This is what runs every night. It costs by what is fresh, not by what there is. The encoder changes, so
states are made anew; what changes every few seconds is in ``learn/online.py``.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.learn.consolidate import Consolidation, Hold
from penchant.learn.replay import Replay, Reservoir
from penchant.learn.spans import Excerpt, Spans, fresh_spans, spans_around
from penchant.model.ahead import torch_threads
from penchant.model.attributes import Attributes
from penchant.model.balance import heads_of, known_share, level_for
from penchant.model.dialling import set_dials
from penchant.model.dials import Dials
from penchant.model.examples import Questions, basket_questions, moments
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.lessons import Lesson, Lessons, Reading
from penchant.model.loading import model_of
from penchant.model.net import PreferenceNet
from penchant.model.objective import Kinds
from penchant.model.optimisers import Stepper
from penchant.model.records import Records
from penchant.model.sampling import NegativeSampler
from penchant.model.saving import arrays_of
from penchant.model.scoring import Answers, PreferenceModel, answer, answered, behaviour
from penchant.model.settings import ModelSettings
from penchant.model.sizes import EVENTS_EACH, SMALL_SIDE
from penchant.model.tokens import main_kind, wanted
from penchant.model.training import OnProgress, train
from penchant.model.trend import TrendTable
from penchant.model.validation import hold_out, marks_of

APART = 50_000
"""Questions at most that are kept apart for ever."""

DOUBT = 2.0
"""Takings of an item in a pass with which its row goes half of the way."""

ENOUGH = 1_000
"""Held-out baskets that set all dials: those that few set are worse than those they replace (27% of NDCG@10
with 106 of them)."""

MOMENTS, SEEN = 200, 20
"""Newest moments that tell the balance of known and new, and the least of them."""

SPAN = 50
"""Events of a replayed span."""

LEAST_OLD = 16
"""Spans of the past at least where something is to be held by what mattered then."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """All that a model may learn from: a log and a catalogue as arrays.

    Attributes:
        histories: everything so far. n_items: rows of the id table.
        text: (N, T) of items; queries: (·, T) of searches; prices: (N,); each None where there are none.
        attributes: of each person row; None where nothing is known.
    """

    histories: Histories
    n_items: int
    text: FloatArray | None = None
    queries: FloatArray | None = None
    prices: FloatArray | None = None
    attributes: Sequence[Attributes] | None = None


def trained(
    known: Known,
    settings: ModelSettings,
    *,
    teacher: PreferenceModel | None = None,
    on_progress: OnProgress | None = None,
    checkpoint: Path | None = None,
) -> PreferenceModel:
    """A model from scratch, of all that is known; see :func:`~penchant.model.training.train`."""
    return train(
        known.histories,
        known.text,
        settings,
        n_items=known.n_items,
        queries=known.queries,
        prices=known.prices,
        attributes=known.attributes,
        teacher=teacher,
        on_progress=on_progress,
        checkpoint=checkpoint,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a pass learns.

    Attributes:
        lr: step size of AdamW. replay: old events for each fresh one. whole: the share of what was ever
            wanted that is fresh from which on both are meant, see :meth:`suited`. context: events of the
            person that are read before those that are asked for. passes: over all. steps: at least so many
            in a pass, if each has :data:`SMALL_SIDE` people; batches are smaller where they would be fewer.
            average: the result is the running mean of the weights, not the last ones. held_out: fresh
            baskets at most that set the dials and do not train.
    """

    lr: float = 1e-3
    replay: float = 3.0
    whole: float = 0.2
    context: int = 30
    passes: int = 1
    steps: int = 16
    average: bool = True
    held_out: int = 1000

    def suited(self, share: float) -> "Pace":
        """This pace where ``share`` of what was ever wanted is fresh.

        Little that is new moves what was learned from much only little, as in a mean of all (Robbins and
        Monro, A stochastic approximation method, 1951): then as little has to be held. The step goes by the
        root, since a pass has so many steps at least however little is fresh.

        >>> slow = Pace(lr=1e-3, replay=3.0, whole=0.2).suited(0.05)
        >>> round(slow.lr, 6), round(slow.replay, 6)
        (0.0005, 0.75)
        """
        part = min(1.0, share / self.whole) if self.whole else 1.0
        return replace(self, lr=self.lr * part**0.5, replay=self.replay * part)


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One learning on: who learns, from what, held by what."""

    known: Known
    since: float
    pace: Pace = field(default_factory=Pace)
    replay: Replay = field(default_factory=Reservoir)
    consolidations: Sequence[Consolidation] = ()


def learn_on(model: PreferenceModel, job: Pass, seed: int = 0) -> PreferenceModel:
    """``model``, with a row for each item, after everything since ``job.since``; it is not changed itself.

    Items that are new are known from here on. Dials stay as they were where too little is held out. The
    ``report`` tells steps and processor seconds.
    """
    begun = time.process_time()
    job = replace(job, pace=job.pace.suited(_fresh(job)))
    rng = np.random.default_rng(seed)
    with torch_threads(model.settings.threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = _student(model, job.known, job.pace.lr)
        course = _course(student, job, rng)
        before = student.net.undial()
        rows = _Rows.of(student.net)
        steps = _learn(course, job, student.settings, rng) if len(course.part) else 0
        rows.hold(student.net, course.part)
        student.net.items.seat(student.counts)
        _dial(model, student, course, before, job)
    report = {
        "steps": steps,
        "questions": len(course.part),
        "held_out": len(course.held_out),
        "processor_seconds": time.process_time() - begun,
    }
    return _with(student, model.settings, report, marks_of(course.held_out))


def _fresh(job: Pass) -> float:
    """Share of what was ever wanted that is fresh."""
    histories = job.known.histories
    times = histories.times[wanted(histories.items, histories.types)]
    return float((times >= job.since).mean()) if len(times) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """Lessons, what is asked in them, held out, and asked last; all in the excerpt ``read``. ``words`` are of
    all people."""

    lessons: Lessons
    words: IntArray | None
    read: Excerpt
    part: Questions
    held_out: Questions
    newest: Questions


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Vectors and biases of items before a pass, (N, D) and (N,)."""

    ids: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def of(cls, net: PreferenceNet) -> "_Rows":
        return cls(net.items.ids.detach().clone(), net.items.bias.detach().clone())

    def hold(self, net: PreferenceNet, part: Questions) -> None:
        """An item's row goes as far as what was taken in the pass speaks for it; untaken it stays.

        An optimiser that scales each step by its own size moves a row of which hardly anything was learned as
        far as any other: that is how interests that slept were forgotten.
        """
        taken = np.bincount(part.items, minlength=len(self.bias)).astype(np.float32)
        share = torch.from_numpy(taken / (taken + DOUBT))
        with torch.no_grad():
            net.items.ids.copy_(self.ids + share[:, None] * (net.items.ids - self.ids))
            net.items.bias.copy_(self.bias + share * (net.items.bias - self.bias))


def _student(model: PreferenceModel, known: Known, lr: float) -> PreferenceModel:
    """A copy with a row for each item, which tokens read as scores take them."""
    given = model.settings.to_dict()
    settings = ModelSettings.from_dict({**given, "lr": lr, "dropout": model.settings.dropout_long})
    # Only what somebody took is read; the rest is seated when the pass is over.
    taken = np.unique(known.histories.items[known.histories.items >= 0]).astype(np.int64)
    copy = model_of(arrays_of(model), settings, known.n_items, known.text, known.prices, seated=taken)
    copy.net.items.fold_output()
    return copy


def _with(
    student: PreferenceModel, settings: ModelSettings, report: dict[str, Any], held_out: NDArray[np.uint32]
) -> PreferenceModel:
    return PreferenceModel(
        student.net,
        settings,
        student.whitening,
        student.counts,
        student.borders,
        student.vocabulary,
        report,
        np.union1d(student.apart, held_out)[:APART],
    )


def _course(student: PreferenceModel, job: Pass, rng: np.random.Generator) -> _Course:
    """What is read in the pass, and what is asked."""
    known, settings = job.known, student.settings
    histories = known.histories
    student.counts[:] = np.bincount(basket_questions(histories).items, minlength=known.n_items)
    trend = TrendTable.of(histories)
    words = None if known.attributes is None else student.vocabulary.table(known.attributes)
    queries = None if known.queries is None else student.whitening(known.queries)
    spans = fresh_spans(histories, job.since, job.pace.context)

    def behaviour_at(events: IntArray) -> FloatArray:
        people = np.searchsorted(histories.offsets, events, side="right") - 1
        asked = moments(people, events, histories.times[events])
        return behaviour(student.net, histories, asked, queries, words)[0]

    spans = spans.joined(_old(job, spans, rng, behaviour_at))
    read = Excerpt.of(histories, spans)
    kinds = Kinds(read.histories.types, main_kind(histories.items, histories.types), settings.auxiliary)
    sampler = NegativeSampler(student.counts, settings.negatives)
    lessons = Lessons.of(
        student.net,
        read.histories,
        kinds,
        _reading(read, settings, job.pace.steps),
        sampler,
        settings,
        trend=trend,
        queries=queries,
        words=None if words is None else words[read.people],
    )
    # What was held out before stays so: it tells whether learning on leads anywhere worse.
    asked = read.questions.take(np.flatnonzero(~np.isin(marks_of(read.questions), student.apart)))
    main = ~kinds.auxiliary(asked) & (asked.times >= job.since)
    enough = len(np.unique(asked.people[main])) >= 2 * ENOUGH
    part, held_out = hold_out(asked, main, job.pace.held_out if enough else 0, rng)
    fresh = asked.take(np.flatnonzero(main))
    newest = fresh.take(np.argsort(fresh.times, kind="stable")[-MOMENTS:])
    return _Course(lessons, words, read, part, held_out, newest)


def _dial(
    model: PreferenceModel, student: PreferenceModel, course: _Course, before: Dials, job: Pass
) -> None:
    """Set the dials by what was held out; where that is too little, put them and the balance back."""
    lessons, asked, histories = course.lessons, course.held_out, job.known.histories
    if len(asked) < ENOUGH:
        student.net.dial(before)
        _balance(model, student, course, histories)
        return
    baskets = basket_questions(histories)
    main = histories.types[baskets.ends] == lessons.kinds.main
    often = np.bincount(baskets.people[main], minlength=histories.people)
    home = course.read.at_home(asked)
    set_dials(
        student.net,
        answer(student.net, histories, home, lessons.trend, lessons.queries, course.words),
        home,
        lessons.trend,
        student.counts,
        discovery=student.settings.discovery,
        frequency=often[home.people],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Newest:
    """The newest moments of a pass: as ``asked`` in its excerpt and at ``home`` in the whole log.

    Attributes:
        records: what was ever taken before each. events: (C,) how many events that were.
    """

    asked: Questions
    home: Questions
    records: Records
    events: NDArray[np.float64]

    @classmethod
    def of(cls, course: _Course, histories: Histories) -> "_Newest":
        home = course.read.at_home(course.newest)
        counts = np.append(0, np.cumsum(wanted(histories.items, histories.types)))
        events = counts[home.ends] - counts[histories.offsets[home.people]]
        records = Records.of_moments(histories, home.people, home.ends)
        return cls(course.newest, home, records, events.astype(np.float64))


def _balance(model: PreferenceModel, student: PreferenceModel, course: _Course, histories: Histories) -> None:
    """Known things keep the share of the first places that they had before, at the newest moments."""
    if len(course.newest) < SEEN:
        return
    newest, trend = _Newest.of(course, histories), course.lessons.trend
    heads = [heads_of(_answers(one, course, newest), one.item_scores(), trend) for one in (model, student)]
    level = level_for(heads[1], known_share(heads[0]))
    with torch.no_grad():
        student.net.novelty += level


def _answers(one: PreferenceModel, course: _Course, newest: _Newest) -> Answers:
    """With behaviour read as far back as the pass reads, but all that people ever took: enough to compare two
    models that read alike, at a fraction of what whole histories cost."""
    lessons = course.lessons
    h, _ = behaviour(one.net, lessons.histories, newest.asked, lessons.queries, lessons.words)
    return answered(one.net, newest.records, newest.home, lessons.trend, (h, newest.events))


def _old(
    job: Pass, fresh: Spans, rng: np.random.Generator, behaviour_at: Callable[[IntArray], FloatArray]
) -> Spans:
    """Spans of the past, ``job.pace.replay`` events for each fresh one."""
    histories = job.known.histories
    before = histories.times < job.since
    count = job.pace.replay * fresh.events() / SPAN
    # However little is fresh, something old comes with it; where it is to be held, enough to tell by what.
    count = max(int(count), LEAST_OLD if job.consolidations else 1) if count else 0
    if not count or not before.any():
        return fresh_spans(histories, np.inf, 0)
    old, place = histories.keep(before), np.flatnonzero(before)
    events = place[job.replay.choose(old, count, rng, lambda chosen: behaviour_at(place[chosen]))]
    spans = spans_around(histories, events, SPAN, job.pace.context)
    # What is fresh is asked for anyway.
    return Spans(
        spans.people, spans.begins, spans.asked, np.minimum(spans.ends, _last(histories, spans, job))
    )


def _last(histories: Histories, spans: Spans, job: Pass) -> IntArray:
    """The first event of each span's person that is fresh, or the end of the history."""
    fresh = np.concatenate([[0], np.cumsum(histories.times >= job.since)])
    ends = histories.offsets[spans.people + 1]
    return ends - (fresh[ends] - fresh[histories.offsets[spans.people]])


def _reading(read: Excerpt, settings: ModelSettings, steps: int) -> Reading:
    """In windows, be histories short or long: a pass reads each event once, not once for each later one."""
    events = max(1, read.histories.events)
    length = min(float(settings.window), max(1.0, events / max(1, len(read.spans))))
    most = settings.batch * (events / length) / max(events / EVENTS_EACH, len(read.questions))
    side = max(SMALL_SIDE, min(int(most), int(events / (length * steps))))
    return Reading(False, side, settings.window, math.ceil(side * length))


def _learn(course: _Course, job: Pass, settings: ModelSettings, rng: np.random.Generator) -> int:
    """All passes; how many steps."""
    lessons, part = course.lessons, course.part
    net = lessons.net
    net.requires_grad_(True)
    net.trend.requires_grad_(False)  # a dial, which held-out baskets set: training would take it back
    past = part.take(np.flatnonzero(part.times < job.since))
    net.train()
    holds = [one.hold(net, lessons.each([past], rng) if len(past) else ()) for one in job.consolidations]
    stepper = Stepper(net, settings)
    steps = 0
    for lesson in lessons.each((part for _ in range(job.pace.passes)), rng):
        stepper.backward(_total(lessons, lesson, holds), len(lesson.batch.questions))
        steps += 1
    stepper.step()
    if job.pace.average:
        net.load_state_dict(stepper.average.module.state_dict(), strict=True)
    for hold in holds:
        if hold.end is not None:
            hold.end(net)
    net.zero_grad(set_to_none=True)
    net.eval()
    return steps


def _total(lessons: Lessons, lesson: Lesson, holds: Sequence[Hold]) -> torch.Tensor:
    """The loss of a batch with all that holds the weights."""
    total = lesson.loss
    for hold in holds:
        if hold.penalty is not None:
            total = total + hold.penalty(lessons, lesson)
    return total
