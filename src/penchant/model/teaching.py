"""Distillation: a smaller net learns what a larger one says, beside what people took.

The teacher speaks as it was trained, without dials: those weigh its scores for lists, and chances are what a
student learns from. Its behaviour at each question is made once, for it does not change; its scores of the
candidates of a batch cost one product.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from penchant.errors import InvalidInput
from penchant.model.attributes import Attributes
from penchant.model.examples import Questions
from penchant.model.histories import FloatArray, Histories, IntArray
from penchant.model.lessons import Lesson
from penchant.model.net import PreferenceNet
from penchant.model.scoring import PreferenceModel, behaviour
from penchant.model.soft_targets import divergence
from penchant.model.validation import some_of

STRENGTH = 1.0
"""What a mean divergence counts beside the loss of what people took."""

TAUGHT = 2_000_000
"""Questions at most that the teacher speaks of, 4 bytes a number of its width each; of more, drawn ones."""

CANDIDATES = 4_096
"""Of a batch, at most: where the loss is over all items, evenly spread ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Teaching:
    """What a teacher says of the questions of one training.

    Attributes:
        net: as it was trained. vectors, bias: (N, D) and (N,) of its items.
        ends: (T,) ascending, the first event that is not known yet at each question that it speaks of.
        h: (T, D) behaviour at them.
    """

    net: PreferenceNet
    vectors: Tensor
    bias: Tensor
    ends: IntArray
    h: Tensor

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        teacher: PreferenceModel,
        histories: Histories,
        questions: Questions,
        rng: np.random.Generator,
        *,
        queries: FloatArray | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> Self:
        """``queries`` (·, T) as text vectors, ``attributes`` of each person row; ``teacher`` stays as it is.

        Raises:
            InvalidInput: it knows fewer items than the histories name.
        """
        if histories.items.max(initial=-1) >= teacher.n_items:
            raise InvalidInput(f"the teacher knows {teacher.n_items} items, the histories name more")
        net = copy.deepcopy(teacher.net).requires_grad_(False)
        net.undial()
        asked = some_of(questions, TAUGHT, rng)
        asked = asked.take(np.argsort(asked.ends, kind="stable"))
        white = None if queries is None else teacher.whitening(queries)
        words = None if attributes is None else teacher.vocabulary.table(attributes)
        h, _ = behaviour(net, histories, asked, white, words)
        vectors, bias = net.items(torch.arange(teacher.n_items))
        return cls(net, vectors, bias, asked.ends, torch.from_numpy(h))

    def loss(self, student: PreferenceNet, lesson: Lesson) -> Tensor:
        """Divergence over the sample of a batch, corrected for how it was drawn; zero where the teacher
        speaks of none of its questions."""
        row = np.minimum(np.searchsorted(self.ends, lesson.answers.ends), len(self.ends) - 1)
        spoken = np.flatnonzero(self.ends[row] == lesson.answers.ends)
        if not len(spoken):
            return lesson.here.new_zeros(())
        against, here = lesson.against, torch.from_numpy(spoken)
        part = slice(0, len(against.drawn), -(-len(against.drawn) // CANDIDATES))
        items = torch.from_numpy(against.items[against.drawn[part]])
        seen = against.drawn_seen(part).index_select(1, here)
        chance = torch.from_numpy(against.log_q[part])
        h = self.h.index_select(0, torch.from_numpy(row[spoken]))
        told = h @ self.vectors[items].T + self.bias[items] + (seen @ self.net.trend).T - chance
        vectors, bias = student.items(items)
        asked = student.personal * lesson.here.index_select(0, here)
        said = asked @ vectors.T + bias + (seen @ student.trend).T - chance
        return STRENGTH * divergence(told, said)
