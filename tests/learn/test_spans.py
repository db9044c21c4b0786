import numpy as np
import pytest

from penchant.learn.spans import Excerpt, fresh_spans, spans_around
from penchant.model.examples import basket_questions
from penchant.model.histories import histories_of

DAY = 86_400.0


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    return histories_of([rng.integers(0, 9, rng.integers(1, 12)).tolist() for _ in range(40)])


@pytest.mark.parametrize("since", [0.0, 2.5 * DAY, 4 * DAY])
@pytest.mark.parametrize("context", [0, 2, 99])
def test_everything_fresh_is_asked_for_once_and_nothing_else(log, since, context) -> None:
    spans = fresh_spans(log, since, context)
    read = Excerpt.of(log, spans)
    every = basket_questions(log)
    fresh = every.take(np.flatnonzero(every.times >= since))
    found = zip(read.people[read.questions.people], read.questions.times, read.questions.items, strict=True)
    assert sorted(found) == sorted(zip(fresh.people, fresh.times, fresh.items, strict=True))
    before = spans.asked - spans.begins
    assert (before == np.minimum(context, spans.asked - log.offsets[spans.people])).all()


def test_a_span_stays_within_its_person(log) -> None:
    events = np.arange(log.events)
    spans = spans_around(log, events, 6, 2)
    assert (spans.begins >= log.offsets[spans.people]).all()
    assert (spans.ends <= log.offsets[spans.people + 1]).all()
    assert ((spans.begins <= spans.asked) & (spans.asked <= events) & (events < spans.ends)).all()
    assert (spans.ends - spans.asked).max() == 6


def test_nothing_fresh_gives_nothing(log) -> None:
    spans = fresh_spans(log, np.inf, 5)
    assert len(spans) == 0
    assert spans.events() == 0
    assert len(Excerpt.of(log, spans).questions) == 0
    some = fresh_spans(log, 3 * DAY, 5)
    assert len(spans.joined(some)) == len(some.joined(spans)) == len(some)
