"""The log as a model sees it: columns in, :class:`Histories` out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.ids import IdTable, rows_of_events
from penchant.events.attributes import Attributes, AttributeStore, ConsentedAttributes
from penchant.events.cleaning.run import Cleaned, clean
from penchant.events.log import EventColumns, EventLog
from penchant.model.histories import Histories
from penchant.privacy.consent import ConsentStore
from penchant.settings import CleaningSettings
from penchant.taste.disregarded import Disregarded, left_out_positions
from penchant.taste.tokens import SILENT
from penchant.types import EventType, Pseudonym


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Histories with the names behind their numbers.

    Attributes:
        people: pseudonym of each person row. queries: distinct search texts of the histories, by query row.
        attributes: what is known of each person row; empty where nothing is, or the person opted out.
        log_position: the newest event that was looked at.
    """

    histories: Histories
    people: list[Pseudonym]
    queries: list[str]
    attributes: list[Attributes]
    log_position: int


def training_data(
    log: EventLog,
    ids: IdTable,
    cleaning: CleaningSettings,
    consent: ConsentStore,
    attributes: AttributeStore,
    *,
    until: float,
    disregarded: Mapping[Pseudonym, Disregarded] | None = None,
) -> TrainingData:
    """Everything in the log that may train: nothing and nobody that cleaning marks, nobody who opted out,
    nothing that its owner forgets or bought for somebody else.

    The log is cleaned here and now: marks of the last import know nothing of events that came over HTTP.
    Events of after ``until`` (unix seconds: now) are of clocks that are fast, and wait for their time: a
    model that had learned them would be asked for them again when it is judged by what came since.
    """
    end = log.end()
    columns = log.columns()
    out = left_out_positions(log, disregarded or {})
    fit = fit_to_train(columns, clean(columns, cleaning), consent, out)
    histories, people = histories_from(fit.keep(fit.time <= until), ids)
    histories, queries = _named(histories, columns.queries)
    known = ConsentedAttributes(attributes, consent).of_each(people)
    return TrainingData(histories, people, queries, known, end)


def fit_to_train(
    columns: EventColumns,
    cleaned: Cleaned,
    consent: ConsentStore,
    left_out: NDArray[np.int64] | None = None,
) -> EventColumns:
    """The events that nothing marked, of people whom nothing marked and who did not opt out.

    ``left_out`` (L,): log positions of what its owner does not want to count.
    """
    out = cleaned.all_people().union(consent.opted_out())
    banned = np.array([name in out for name in columns.people], dtype=bool)
    keep = ~np.isin(columns.position, cleaned.all_events())
    if left_out is not None:
        keep &= ~np.isin(columns.position, left_out)
    if len(banned):
        keep &= ~banned[columns.person]
    return columns.keep(keep)


def histories_from(columns: EventColumns, ids: IdTable) -> tuple[Histories, list[Pseudonym]]:
    """Histories of everybody who has an event left, and their pseudonyms by person row.

    Left out: messages and refunds, items that have no row in the id table yet (their event came after
    the table was read).
    """
    keep = ~np.isin(columns.type, [kind.code for kind in SILENT])
    rows = rows_of_events(columns, ids)
    keep &= (rows >= 0) | (columns.item < 0)
    person = columns.person[keep]
    present, person = np.unique(person, return_inverse=True)
    counts = np.bincount(person, minlength=len(present))
    histories = Histories(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=rows[keep],
        types=columns.type[keep],
        times=columns.time[keep],
        baskets=_baskets(person, columns.session[keep], columns.type[keep]),
        values=columns.value[keep],
        queries=columns.query[keep],
    )
    return histories, [columns.people[code] for code in present]


def _named(histories: Histories, queries: list[str]) -> tuple[Histories, list[str]]:
    """The histories with only the texts that they name.

    The rest was searched for by people who opted out or by robots: no language model has to read it.
    """
    asked = histories.queries >= 0
    named, codes = np.unique(histories.queries[asked], return_inverse=True)
    rows = histories.queries.copy()
    rows[asked] = codes
    return replace(histories, queries=rows), [queries[row] for row in named]


def _baskets(
    person: NDArray[np.int64], session: NDArray[np.int64], kind: NDArray[np.int8]
) -> NDArray[np.int64]:
    """Basket numbers: an unbroken run of purchases of one person in one session is one basket.

    >>> import numpy as np
    >>> p, buy = np.array([0, 0, 0, 1]), EventType.PURCHASE.code
    >>> _baskets(p, np.array([7, 7, -1, -1]), np.full(4, buy, np.int8)).tolist()
    [0, 0, 1, 2]
    """
    if not len(person):
        return np.zeros(0, dtype=np.int64)
    buys = (kind == EventType.PURCHASE.code) & (session >= 0)
    same = buys[1:] & buys[:-1] & (person[1:] == person[:-1]) & (session[1:] == session[:-1])
    return np.concatenate([[0], np.cumsum(~same)]).astype(np.int64)
