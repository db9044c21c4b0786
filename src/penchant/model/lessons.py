"""Passes over questions: batches are read ahead, behaviour is asked, each batch has a loss."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from penchant.model.ahead import ahead
from penchant.model.examples import Batch, Questions, Reader
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.moments import Moments
from penchant.model.net import PreferenceNet, tokens_of
from penchant.model.objective import Kinds, Rivals, next_basket_loss, rating_loss, rivals
from penchant.model.sampling import NegativeSampler
from penchant.model.settings import ModelSettings
from penchant.model.trend import TrendTable
from penchant.types import EventType

Carried = tuple[Tensor, Tensor]
"""State (B, S) and behaviour (B, D) that the next batch begins with."""

Read = tuple[Batch, Questions, Rivals | None]
"""A batch, its questions, and what stands against their answers; None where nothing is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How histories are read.

    Attributes:
        short: each prefix of a history is an example of its own, else histories are read in windows.
        size: questions of a batch where histories are short; people side by side where they are long.
        window: most recent events of a prefix, or events of a window that carries state.
        most: events of a batch of windows where the people in it have more than others; None for any number.
    """

    short: bool
    size: int
    window: int
    most: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One batch with behaviour (P, D) at its questions, and its loss.

    ``start``: state and behaviour that its runs began with.
    """

    batch: Batch
    start: Carried
    answers: Questions
    against: Rivals
    here: Tensor
    loss: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What a net learns from, and how.

    Attributes:
        net: whose losses these are; it is not changed here.
        histories: what is read. kinds: of their events.
        reader: of the histories. reading: how they are read.
        sampler: of what stands against the answers. trend: of all that may be known.
        queries: (·, W) whitened vectors of search texts. words: of each person row; None where none are.
        full: the loss is over all items.
    """

    net: PreferenceNet
    histories: Histories
    kinds: Kinds
    reader: Reader
    reading: Reading
    sampler: NegativeSampler
    trend: TrendTable
    queries: FloatArray | None
    words: IntArray | None
    full: bool

    @classmethod
    def of(  # noqa: PLR0917
        cls,
        net: PreferenceNet,
        histories: Histories,
        kinds: Kinds,
        reading: Reading,
        sampler: NegativeSampler,
        settings: ModelSettings,
        *,
        trend: TrendTable | None = None,
        queries: FloatArray | None = None,
        words: IntArray | None = None,
    ) -> Self:
        """By the model's ``settings``; ``trend`` is that of the histories where it is not given."""
        reader = Reader(histories, settings.memory)
        trend = trend or TrendTable.of(histories)
        full = settings.loss == "full"
        return cls(net, histories, kinds, reader, reading, sampler, trend, queries, words, full)

    def batches(self, parts: Iterable[Questions], rng: np.random.Generator) -> Generator[Read]:
        """What passes over ``parts`` read, each in an order of its own. Needs no weights."""
        for part in parts:
            for batch in self._read(part, rng):
                answers, sample = part.take(batch.questions), self.sampler.draw(rng)
                yield batch, answers, self.rivals(batch, answers, sample) if len(answers) else None

    def rivals(self, batch: Batch, answers: Questions, sample: tuple[IntArray, FloatArray]) -> Rivals:
        """See :func:`~penchant.model.objective.rivals`."""
        return rivals(batch, answers, sample, self.trend, len(self.net.items.bias), self.kinds)

    def each(self, parts: Iterable[Questions], rng: np.random.Generator) -> Generator[Lesson]:
        """Lessons of passes over ``parts``; another thread reads ahead of them."""
        carried = self.net.beginners(0)
        with closing(ahead(self.batches(parts, rng))) as batches:
            for batch, answers, against in batches:
                start = carried if batch.carry else self.net.beginners(len(batch.lengths))
                here, carried = self._behaviour(self.net, batch, start)
                if against is None:
                    continue
                here = self.net.asked(here, self._moments(answers))
                yield Lesson(batch, start, answers, against, here, self._loss(here, answers, against))

    def again(self, net: PreferenceNet, lesson: Lesson) -> Tensor:
        """What the behaviour (P, D) of ``net`` is at the same questions, from the same states."""
        here, _ = self._behaviour(net, lesson.batch, lesson.start)
        return net.asked(here, self._moments(lesson.answers))

    def _moments(self, answers: Questions) -> Moments:
        return Moments.of(self.histories, answers, self.words)

    def _read(self, part: Questions, rng: np.random.Generator) -> Iterator[Batch]:
        how = self.reading
        if how.short:
            return self.reader.prefixes(part, how.size, how.window, rng)
        return self.reader.windows(part, how.size, how.window, rng, how.most)

    def _behaviour(self, net: PreferenceNet, batch: Batch, start: Carried) -> tuple[Tensor, Carried]:
        """Behaviour (P, D) at the batch's questions, and what goes on to the next batch."""
        tokens = tokens_of(self.histories, batch, self.queries)
        if self.reading.short:
            return net.last(tokens, torch.from_numpy(batch.lengths)), start
        h, state = net(tokens, *start)
        places = torch.from_numpy(batch.steps * len(batch.lengths) + batch.columns)
        return h.flatten(0, 1).index_select(0, places), (state.detach(), h[-1].detach())

    def _loss(self, here: Tensor, answers: Questions, against: Rivals) -> Tensor:
        loss = next_basket_loss(self.net, here, against, full=self.full)
        rated = self._rated(answers)
        return loss + self._rating_loss(here, answers, rated) if len(rated) else loss

    def _rated(self, answers: Questions) -> IntArray:
        """Questions whose next event is a rating."""
        types, values = self.histories.types[answers.ends], self.histories.values[answers.ends]
        return np.flatnonzero((types == EventType.RATING.code) & np.isfinite(values))

    def _rating_loss(self, h: Tensor, answers: Questions, rated: IntArray) -> Tensor:
        ends = answers.ends[rated]
        items = torch.from_numpy(self.histories.items[ends].astype(np.int64))
        ratings = torch.from_numpy((np.clip(self.histories.values[ends], 1, 5) - 3) / 2)
        return rating_loss(self.net, h[torch.from_numpy(rated)], items, ratings)
