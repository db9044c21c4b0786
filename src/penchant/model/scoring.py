"""A trained model, and its scores for many moments at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.model.ahead import ahead, torch_threads
from penchant.model.attributes import Attributes, Vocabulary
from penchant.model.dials import Dials, as_new, taken_before, weighed
from penchant.model.entries import filled, items_of
from penchant.model.examples import Batch, Questions, Reader, moments
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.items import newcomer_bias
from penchant.model.moments import Moments
from penchant.model.net import PreferenceNet, tokens_of
from penchant.model.repeat import features, setting
from penchant.model.settings import ModelSettings
from penchant.model.taken import Before
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
    """What scores are made of: behaviour (C, D) at times (C,), and repeat scores as flat triples.

    ``taken``: what the person took before each moment.
    """

    h: FloatArray
    times: NDArray[np.float64]
    owner: IntArray
    items: IntArray
    again: FloatArray
    taken: Before


@dataclass(frozen=True, slots=True, eq=False)
class ItemScores:
    """What is the same for everybody: an item's score is ``personal * h @ vector + bias + seen @ trend``.

    Attributes:
        vectors, bias: (N, D) and (N,). trend: weight of each lifetime. personal: weight of the taste.
        novelty: what an item gets on top for a person who never took it.
        forgotten: (1 + CLUES,) see :class:`~penchant.model.dials.Dials`.
    """

    vectors: FloatArray
    bias: FloatArray
    trend: FloatArray
    personal: float = 1.0
    novelty: float = 0.0
    forgotten: FloatArray = field(default_factory=as_new)

    def dialled(self, dials: Dials) -> "ItemScores":
        """These as trained, with ``dials``."""
        bias = dials.steep * self.bias + np.float32(dials.level)
        return ItemScores(self.vectors, bias, dials.trend, dials.personal, dials.novelty, dials.forgotten)


@dataclass(frozen=True, slots=True, eq=False)
class PreferenceModel:
    """A trained model in its training form.

    Attributes:
        net: its weights. settings: how it was made. whitening: of texts.
        counts: (N,) how often each item was wanted in training.
        borders: (9,) of price levels. vocabulary: of what is known of people.
        report: epochs, seconds, best validation metric.
    """

    net: PreferenceNet
    settings: ModelSettings
    whitening: Whitening
    counts: FloatArray
    borders: FloatArray
    vocabulary: Vocabulary
    report: dict[str, Any]

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
            answers = answer(self.net, histories, asked, trend, self.settings.memory, white, words)
        yield from score_blocks(answers, self.item_scores(), trend, block)


def item_scores(net: PreferenceNet, counts: FloatArray) -> ItemScores:
    """See :class:`ItemScores`; ``counts`` (N,) in training: those never taken have the newcomers' bias."""
    with torch.no_grad():
        vectors, bias = net.items(torch.arange(len(counts)))
    levels = bias.numpy().copy()
    levels[counts == 0] = newcomer_bias(levels, counts)
    trend = net.trend.detach().numpy()
    parts = float(net.personal), float(net.novelty), net.forgotten.numpy()
    return ItemScores(vectors.numpy(), levels, trend, *parts)


def score_blocks(
    answers: Answers, items: ItemScores, trend: TrendTable, block: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Blocks of scores (b, N) of all answers, in order."""
    for start in range(0, len(answers.h), block):
        part = slice(start, min(start + block, len(answers.h)))
        scores = answers.h[part] @ items.vectors.T
        scores *= items.personal
        scores += items.bias
        for place, seen in trend.moments(answers.times[part], len(items.bias)):
            scores[place] += weighed(seen, items.trend)
            if items.novelty or (items.forgotten != as_new()).any():
                taken = answers.taken.of(part.start + place)
                clues = taken.clues(float(answers.times[part.start + place]))
                old = taken_before(scores[place, taken.items], clues, items.forgotten)
                scores[place] += items.novelty
                scores[place, taken.items] = old
        first, last = np.searchsorted(answers.owner, [part.start, part.stop])
        here = slice(int(first), int(last))
        where = answers.owner[here] - start, answers.items[here]
        scores[where] = answers.again[here]
        yield part, scores


@torch.no_grad()
def answer(  # noqa: PLR0917
    net: PreferenceNet,
    histories: Histories,
    asked: Questions,
    trend: TrendTable,
    places: int,
    queries: FloatArray | None = None,
    words: IntArray | None = None,
) -> Answers:
    """Behaviour and memory at each question; the net is left in evaluation mode.

    ``words`` of all people in ``histories``, as in :class:`~penchant.model.moments.Moments`.
    """
    net.eval()
    h = np.zeros((len(asked), len(net.start)), np.float32)
    parts: list[tuple[IntArray, IntArray, FloatArray]] = []
    carried = net.beginners(0)
    for batch in ahead(Reader(histories, places).windows(asked, 64, 256, None)):
        start = carried if batch.carry else net.beginners(len(batch.lengths))
        after, state = net(tokens_of(histories, batch, queries), *start)
        carried = state, after[-1]
        here = after[torch.from_numpy(batch.steps), torch.from_numpy(batch.columns)]
        here = net.asked(here, Moments.of(histories, asked.take(batch.questions), words))
        h[batch.questions] = here.numpy()
        parts.append(_remembered(net, batch, here, asked, trend))
    taken = Before.of_moments(histories, asked.people, asked.ends)
    if not parts:
        none = np.zeros(0, np.int64)
        return Answers(h, asked.times, none, none, np.zeros(0, np.float32), taken)
    owner, items, again = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(owner, kind="stable")
    return Answers(h, asked.times, owner[order], items[order], again[order], taken)


def _remembered(
    net: PreferenceNet, batch: Batch, h: torch.Tensor, asked: Questions, trend: TrendTable
) -> tuple[IntArray, IntArray, FloatArray]:
    rows, columns = np.nonzero(filled(batch.memory))
    items = items_of(batch.memory[rows, columns])
    times = asked.times[batch.questions]
    at = setting(batch.memory, times, batch.events, rows, columns, trend.features(items, times[rows]))
    seen = features(batch.memory[rows, columns], at)
    distinct, place = np.unique(items, return_inverse=True)
    vectors = net.items(torch.from_numpy(distinct))[0]
    suited = net.repeat.suited(h, vectors, torch.from_numpy(rows), torch.from_numpy(place))
    again = net.repeat(torch.from_numpy(seen), suited)
    return batch.questions[rows], items, again.numpy()
