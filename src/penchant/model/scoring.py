"""A trained model, and its scores for many moments at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.model.ahead import ahead, torch_threads
from penchant.model.attributes import Attributes, Vocabulary
from penchant.model.breaks import outlived
from penchant.model.dials import RANGE, Dials, openness, weighed
from penchant.model.entries import filled, items_of
from penchant.model.examples import Questions, Reader, moments
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.items import newcomer_bias
from penchant.model.moments import Moments
from penchant.model.net import PreferenceNet, tokens_of
from penchant.model.newcomers import trend_levels
from penchant.model.records import Records
from penchant.model.repeat import Memory, Setting, features, setting
from penchant.model.settings import ModelSettings
from penchant.model.trend import TrendTable
from penchant.model.whitening import Whitening


class Contexts(Protocol):
    """Moments: ``people``, ``ends`` (first event not known yet) and ``times`` (unix seconds), all (C,)."""

    @property
    def people(self) -> IntArray: ...
    @property
    def ends(self) -> IntArray: ...
    @property
    def times(self) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What scores are made of: behaviour (C, D) at times (C,), and what was wanted in ``events`` (C,) before.

    At moment c that is ``items[offsets[c]:offsets[c + 1]]``, with their repeat scores ``again``.
    """

    h: FloatArray
    times: NDArray[np.float64]
    events: NDArray[np.float64]
    offsets: IntArray
    items: NDArray[np.int32]
    again: FloatArray

    def of(self, moment: int) -> slice:
        """Where the items of one moment are."""
        return slice(int(self.offsets[moment]), int(self.offsets[moment + 1]))

    def put_again(self, part: slice, scores: FloatArray) -> None:
        """Write the repeat scores of the moments ``part`` into the ``scores`` (b, N) of all items then."""
        known = slice(int(self.offsets[part.start]), int(self.offsets[part.stop]))
        counts = np.diff(self.offsets[part.start : part.stop + 1])
        scores[np.repeat(np.arange(len(counts)), counts), self.items[known]] = self.again[known]

    def openness(self) -> FloatArray:
        """Of each moment's person, (C, RANGE)."""
        return openness(np.diff(self.offsets), self.events)


@dataclass(frozen=True, slots=True, eq=False)
class ItemScores:
    """What is the same for everybody: an item's score is ``personal * h @ vector + bias + seen @ trend``.

    Attributes:
        vectors, bias: (N, D) and (N,). trend: weight of each lifetime. personal: weight of the taste.
        novelty: what an item gets on top for a person who never wanted it. open: weights of
            :func:`~penchant.model.dials.openness`, likewise.
        never: (N,) nobody took it in training. unseen: (2,) what such an item gets on top until somebody
            takes it, and from then on.
    """

    vectors: FloatArray
    bias: FloatArray
    trend: FloatArray
    personal: float = 1.0
    novelty: float = 0.0
    open: FloatArray = field(default_factory=lambda: np.zeros(RANGE, np.float32))
    never: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    unseen: FloatArray = field(default_factory=lambda: np.zeros(2, np.float32))

    def levels(self, seen: FloatArray) -> FloatArray:
        """What the trend (N, lifetimes) of a moment adds to each item's bias, (N,)."""
        return trend_levels(seen, self.trend, self.never, self.unseen)

    def dialled(self, dials: Dials) -> "ItemScores":
        """These as trained, with ``dials``."""
        bias = dials.steep * self.bias
        return replace(
            self,
            bias=bias,
            trend=dials.trend,
            personal=dials.personal,
            novelty=dials.novelty,
            open=dials.open,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PreferenceModel:
    """A trained model in its training form.

    Attributes:
        net: its weights. settings: how it was made. whitening: of texts.
        counts: (N,) how often each item was wanted in training.
        borders: (9,) of price levels. vocabulary: of what is known of people.
        report: epochs, seconds, best validation metric.
        apart: marks of the questions that were held out, which nothing learns that comes after; see
            ``validation.marks_of``.
    """

    net: PreferenceNet
    settings: ModelSettings
    whitening: Whitening
    counts: FloatArray
    borders: FloatArray
    vocabulary: Vocabulary
    report: dict[str, Any]
    apart: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))

    @property
    def n_items(self) -> int:
        """Rows of the id table that it knows."""
        return len(self.counts)

    def item_scores(self) -> ItemScores:
        """What is the same for everybody."""
        return item_scores(self.net, self.counts)

    def score_blocks(  # noqa: PLR0917
        self,
        histories: Histories,
        contexts: Contexts,
        block: int = 256,
        queries: FloatArray | None = None,
        trend: TrendTable | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> Iterator[tuple[slice, FloatArray]]:
        """Scores of all items for each context, in order: slices and (b, N) float32.

        Each person's events are read once, however many contexts they have.
        ``queries`` holds the text vectors (·, T) of searches, ``attributes`` what is known of each person.
        """
        white = None if queries is None else self.whitening(queries)
        asked = moments(contexts.people, contexts.ends, contexts.times)
        trend = trend or TrendTable.of(histories)
        words = None if attributes is None else self.vocabulary.table(attributes)
        with torch_threads(self.settings.threads):
            answers = answer(self.net, histories, asked, trend, white, words)
        yield from score_blocks(answers, self.item_scores(), trend, block)


def item_scores(net: PreferenceNet, counts: FloatArray) -> ItemScores:
    """See :class:`ItemScores`; ``counts`` (N,) in training: those never taken have the newcomers' bias."""
    with torch.no_grad():
        vectors, bias = net.items(torch.arange(len(counts)))
    levels = bias.numpy().copy()
    never = counts == 0
    levels[never] = newcomer_bias(levels, counts)
    return ItemScores(
        vectors=vectors.numpy(),
        bias=levels,
        trend=net.trend.detach().numpy(),
        personal=float(net.personal),
        novelty=float(net.novelty),
        open=net.open.numpy(),
        never=never,
        unseen=net.unseen.numpy(),
    )


def score_blocks(
    answers: Answers, items: ItemScores, trend: TrendTable, block: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Blocks of scores (b, N) of all answers, in order."""
    lifted = items.novelty + weighed(answers.openness(), items.open)
    for start in range(0, len(answers.h), block):
        part = slice(start, min(start + block, len(answers.h)))
        scores = answers.h[part] @ items.vectors.T
        scores *= items.personal
        scores += items.bias
        scores += lifted[part, None]
        for places, seen in trend.moments(answers.times[part], len(items.bias)):
            scores[places] += items.levels(seen)
        answers.put_again(part, scores)
        yield part, scores


@torch.no_grad()
def answer(  # noqa: PLR0917
    net: PreferenceNet,
    histories: Histories,
    asked: Questions,
    trend: TrendTable,
    queries: FloatArray | None = None,
    words: IntArray | None = None,
) -> Answers:
    """Behaviour at each question and what was wanted before it; the net is left in evaluation mode.

    ``words`` of all people in ``histories``, as in :class:`~penchant.model.moments.Moments`.
    """
    records = Records.of_moments(histories, asked.people, asked.ends)
    return answered(net, records, asked, trend, behaviour(net, histories, asked, queries, words))


@torch.no_grad()
def answered(
    net: PreferenceNet,
    records: Records,
    asked: Questions,
    trend: TrendTable,
    known: tuple[FloatArray, NDArray[np.float64]],
) -> Answers:
    """The same where it is ``known`` what :func:`behaviour` gives; ``records`` before each question."""
    h, events = known
    items = items_of(records.entries).astype(np.int32)
    again = np.zeros(len(items), np.float32)
    for some, memory in records.blocks():
        rows, columns = np.nonzero(filled(memory))
        entries, times = memory[rows, columns], asked.times[some]
        fashion = trend.features(items_of(entries), times[rows])
        at = setting(memory, times, events[some], rows, columns, fashion)
        ends = records.offsets[some + 1][rows]
        scores = _again(net, h[some], entries, at, rows) - outlived(memory, times)[rows, columns]
        again[ends - memory.shape[1] + columns] = scores
    return Answers(h, asked.times, events, records.offsets, items, again)


@torch.no_grad()
def behaviour(
    net: PreferenceNet,
    histories: Histories,
    asked: Questions,
    queries: FloatArray | None = None,
    words: IntArray | None = None,
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Behaviour (C, D) at each question and how many events with a wanted item came before it, (C,).

    As :func:`answer`, without what was wanted before: of very many questions that is much.
    """
    net.eval()
    h = np.zeros((len(asked), len(net.start)), np.float32)
    carried = net.beginners(0)
    events = np.zeros(len(asked))
    for batch in ahead(Reader(histories, 0).windows(asked, 64, 256, None)):
        start = carried if batch.carry else net.beginners(len(batch.lengths))
        after, state = net(tokens_of(histories, batch, queries), *start)
        carried = state, after[-1]
        here = after[torch.from_numpy(batch.steps), torch.from_numpy(batch.columns)]
        here = net.asked(here, Moments.of(histories, asked.take(batch.questions), words))
        h[batch.questions], events[batch.questions] = here.numpy(), batch.events
    return h, events


def _again(
    net: PreferenceNet, h: FloatArray, entries: Memory, at: Setting, owner: IntArray
) -> NDArray[np.float32]:
    """Repeat scores of C entries, of the people with behaviour h (P, D) in the rows ``owner`` (C,)."""
    distinct, place = np.unique(items_of(entries), return_inverse=True)
    vectors = net.items(torch.from_numpy(distinct))[0]
    people = torch.from_numpy(h), torch.from_numpy(owner)
    suited = net.repeat.suited(people[0], vectors, people[1], torch.from_numpy(place))
    return net.repeat(torch.from_numpy(features(entries, at)), suited).numpy()
