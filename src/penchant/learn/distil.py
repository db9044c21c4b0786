"""A smaller model for the same shop: taught by the one that there is, and what that costs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from penchant.errors import InvalidInput
from penchant.learn.asking import ask, main_questions
from penchant.learn.continued import Known, trained
from penchant.metrics import PairedLoss, paired_loss
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.training import Progress
from penchant.model.trend import TrendTable
from penchant.model.validation import kept_apart


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A distilled model, and its loss of NDCG@10 against its teacher on baskets that neither learned; None
    where there are none."""

    model: PreferenceModel
    lost: PairedLoss | None


def student_settings(
    teacher: ModelSettings, dim: int, layers: int | None = None, seconds: float | None = None
) -> ModelSettings:
    """The teacher's, but narrower, or of fewer ``layers``; ``seconds`` of training in place of its own.

    Raises:
        InvalidInput: that would not be smaller.

    >>> student_settings(ModelSettings(), 32).dim
    32
    """
    layers = teacher.layers if layers is None else layers
    smaller = (dim, layers) != (teacher.dim, teacher.layers)
    if not smaller or not 1 <= dim <= teacher.dim or not 1 <= layers <= teacher.layers:
        raise InvalidInput(
            f"a student is smaller than its teacher, which has {teacher.dim} dimensions in {teacher.layers} "
            f"layers: {dim} in {layers} would not be"
        )
    return replace(teacher, dim=dim, layers=layers, time_budget_s=seconds or teacher.time_budget_s)


def distil(
    teacher: PreferenceModel,
    known: Known,
    settings: ModelSettings,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
) -> Student:
    """Train a model of ``settings`` on all that is known, beside what ``teacher`` says of it.

    Baskets that were kept apart from the teacher are kept apart from the student too: they tell when to stop,
    set its dials as they set the teacher's, and say what was lost.

    Raises:
        NotEnoughData, InvalidInput: see :func:`~penchant.model.training.train`.
    """
    model = trained(known, settings, teacher=teacher, on_progress=on_progress, checkpoint=checkpoint)
    return Student(model, lost(teacher, model, known))


def lost(teacher: PreferenceModel, student: PreferenceModel, known: Known) -> PairedLoss | None:
    """NDCG@10 of baskets of the main type that are marked as kept apart from both."""
    questions = main_questions(known.histories)
    apart = np.intersect1d(teacher.apart, student.apart)
    asked = questions.take(np.flatnonzero(kept_apart(questions, apart)))
    if not len(asked):
        return None
    trend = TrendTable.of(known.histories)
    full, small = (ask(model, known, asked, trend).ndcg for model in (teacher, student))
    return paired_loss(full, small, asked.people)
