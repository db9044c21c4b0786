"""Lists of the past as a ranker learns from them: what would have been laid out, and what was then taken."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.view import CatalogView
from penchant.errors import InvalidInput
from penchant.learn.ranking import Lists
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, Histories
from penchant.model.records import Records
from penchant.model.trend import TrendTable
from penchant.recommend.ranking.ranker import Desk
from penchant.recommend.sources.followed import NOBODY, PastFollowed
from penchant.recommend.sources.moment import Moment


def moments(
    histories: Histories,
    asked: Questions,
    blocks: Iterable[tuple[slice, FloatArray]],
    view: CatalogView,
    vectors: FloatArray | None = None,
    *,
    followed: PastFollowed | None = None,
) -> Iterator[Moment]:
    """What was known just before each question, in their order.

    Args:
        histories: all events; of the person only those before the question's end are looked at, of others
            only what is earlier than its time.
        asked: the questions.
        blocks: taste scores (b, N) of them, in order, -inf for what may not be shown.
        view: the catalogue.
        vectors: (N, D) of the model that gave the scores.
        followed: whom people follow and what those took; None where that is not known.
    """
    records = Records.of_moments(histories, asked.people, asked.ends)
    trend = TrendTable.of(histories)
    for part, scores in blocks:
        seen = dict(trend.each_moment(asked.times[part], scores.shape[1]))
        for place, question in enumerate(range(part.start, part.stop)):
            now, person = float(asked.times[question]), int(asked.people[question])
            yield Moment(
                now=now,
                view=view,
                scores=scores[place],
                trend=seen[place],
                allowed=np.isfinite(scores[place]),
                record=records.of(question),
                vectors=vectors,
                followed=NOBODY if followed is None else followed.at(person, now),
            )


def lists(desk: Desk, asked: Questions, known: Iterable[Moment]) -> Lists:
    """Each question as a list of candidates with what was taken of them; every list counts alike.

    Raises:
        InvalidInput: a question of before the facts were known: they would tell it of its future.
    """
    if len(asked) and asked.times.min() < desk.facts.until:
        raise InvalidInput("a list would be told facts of after it: make them of what came before the first")
    tables: list[FloatArray] = []
    starts: list[FloatArray] = []
    taken: list[NDArray[np.bool_]] = []
    named: list[NDArray[np.bool_]] = []
    for question, moment in enumerate(known):
        found, told = desk.lay_out(moment)
        right = asked.items[asked.offsets[question] : asked.offsets[question + 1]]
        tables.append(told)
        starts.append(moment.scores[found.rows])
        taken.append(np.isin(found.rows, right))
        named.append(found.named)
    return Lists(
        np.concatenate(tables),
        np.concatenate(starts),
        np.concatenate(taken),
        np.concatenate([[0], np.cumsum([len(one) for one in starts])]).astype(np.int64),
        np.diff(asked.offsets),
        asked.people,
        np.ones(len(asked), np.float32),
        np.concatenate(named),
    )
