"""Against forgetting: what holds the weights while fresh events are learned. Each has a switch of its own."""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from penchant.errors import SettingsError
from penchant.model.lessons import Lesson, Lessons
from penchant.model.net import PreferenceNet
from penchant.model.soft_targets import divergence

ROWS = ("items.ids", "items.bias", "items.delta", "auxiliary.bias")
"""Weights with a row for each item: only the rows of a batch are looked at."""

AFTER_STATE = ("items.delta", "items.bias", "repeat.", "asked.", "trend", "auxiliary.", "rating.")
"""Weights that no state is made of."""

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds the weights in one learning on.

    Attributes:
        penalty: what is added to the loss of a batch. end: changes the weights after the last step.
    """

    penalty: Callable[[Lessons, Lesson], Tensor] | None = None
    end: Callable[[PreferenceNet], None] | None = None


class Consolidation(Protocol):
    """A way to hold the weights while a net learns on."""

    def hold(self, net: PreferenceNet, old: Iterable[Lesson]) -> Hold:
        """Made before the first step; ``old`` are lessons of the past, for who asks what mattered then."""
        ...


@dataclass(frozen=True, slots=True)
class Pull:
    """A spring to the weights as they were (L2-SP: Li et al., ICML 2018)."""

    strength: float = 0.01

    def hold(self, net: PreferenceNet, old: Iterable[Lesson]) -> Hold:
        """See :class:`Consolidation`."""
        del old
        before = copied(net)
        return Hold(lambda ls, one: self.strength / 2 * _distance(ls.net, before, _rows(one)))


@dataclass(frozen=True, slots=True)
class ElasticWeights:
    """A spring to each weight, as stiff as the weight mattered for the past.

    Elastic weight consolidation (Kirkpatrick et al., PNAS 2017), with the diagonal of the empirical Fisher
    information of so many ``batches`` of the past.
    """

    strength: float = 1.0
    batches: int = 8

    def hold(self, net: PreferenceNet, old: Iterable[Lesson]) -> Hold:
        """See :class:`Consolidation`."""
        before = copied(net)
        stiff = _fisher(net, islice(old, self.batches))
        return Hold(lambda ls, one: self.strength / 2 * _distance(ls.net, before, _rows(one), stiff))


@dataclass(frozen=True, slots=True)
class Distillation:
    """The net as it was tells what it would have said: divergence of scores of what a batch compares.

    Hinton et al., Distilling the knowledge in a neural network, 2015; for sessions Mi et al., ADER, RecSys
    2020. States that a batch begins with are the learner's.
    """

    strength: float = 0.3

    def hold(self, net: PreferenceNet, old: Iterable[Lesson]) -> Hold:
        """See :class:`Consolidation`."""
        del old
        teacher = copy.deepcopy(net).eval().requires_grad_(False)

        def apart(lessons: Lessons, lesson: Lesson) -> Tensor:
            with torch.no_grad():
                told = _scores(teacher, lessons.again(teacher, lesson), lesson)
            return self.strength * divergence(told, _scores(lessons.net, lesson.here, lesson))

        return Hold(apart)


@dataclass(frozen=True, slots=True)
class FewParameters:
    """Only weights whose names begin with one of ``names`` learn."""

    names: tuple[str, ...] = AFTER_STATE

    def hold(self, net: PreferenceNet, old: Iterable[Lesson]) -> Hold:
        """See :class:`Consolidation`."""
        del old
        for name, weight in net.named_parameters():
            weight.requires_grad_(weight.requires_grad and name.startswith(self.names))
        return Hold()


@dataclass(frozen=True, slots=True)
class Averaging:
    """In the end the weights are ``share`` new and the rest old (Wortsman et al., WiSE-FT, CVPR 2022)."""

    share: float = 0.5

    def hold(self, net: PreferenceNet, old: Iterable[Lesson]) -> Hold:
        """See :class:`Consolidation`."""
        del old
        before = copied(net)

        def mix(learned: PreferenceNet) -> None:
            with torch.no_grad():
                for name, weight in learned.named_parameters():
                    weight.copy_(torch.lerp(before[name], weight, self.share))

        return Hold(end=mix)


CONSOLIDATIONS: dict[str, Callable[[], Consolidation]] = {
    "pull": Pull,
    "elastic": ElasticWeights,
    "distillation": Distillation,
    "few": FewParameters,
    "averaging": Averaging,
}
"""By the name in settings."""


def make_consolidations(names: Sequence[str]) -> list[Consolidation]:
    """Those of these names.

    Raises:
        SettingsError: there is none of a name.
    """
    unknown = sorted(set(names) - set(CONSOLIDATIONS))
    if unknown:
        raise SettingsError(f"consolidation is made of {', '.join(CONSOLIDATIONS)}; unknown: {unknown}")
    return [CONSOLIDATIONS[name]() for name in names]


def copied(net: PreferenceNet) -> Weights:
    """The weights as they are now."""
    return {name: weight.detach().clone() for name, weight in net.named_parameters()}


def _fisher(net: PreferenceNet, old: Iterable[Lesson]) -> Weights:
    """How much the loss of the past would feel the moving of each weight."""
    found = {name: torch.zeros_like(weight) for name, weight in net.named_parameters()}
    for lesson in old:
        net.zero_grad(set_to_none=True)
        lesson.loss.backward()
        for name, weight in net.named_parameters():
            if weight.grad is not None:
                found[name] += len(lesson.answers) * weight.grad.square()
    net.zero_grad(set_to_none=True)
    return found


def _rows(lesson: Lesson) -> Tensor:
    return torch.from_numpy(lesson.against.items)


def _distance(net: PreferenceNet, before: Weights, rows: Tensor, stiff: Weights | None = None) -> Tensor:
    total = torch.zeros(())
    for name, weight in net.named_parameters():
        if not weight.requires_grad:
            continue
        some = name in ROWS
        now = weight.index_select(0, rows) if some else weight
        apart = (now - (before[name][rows] if some else before[name])).square()
        if stiff is not None:
            apart = apart * (stiff[name][rows] if some else stiff[name])
        total = total + apart.sum()
    return total


def _scores(net: PreferenceNet, here: Tensor, lesson: Lesson) -> Tensor:
    vectors, bias = net.items(_rows(lesson))
    return net.personal * (here @ vectors.T) + bias
