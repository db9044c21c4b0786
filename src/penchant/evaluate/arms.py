"""The ways of learning on that are compared on a shop's own history.

An arm is given what was known when a block of the stream began, and nothing later: it cannot learn from what
it is about to be asked. Within a block a table of item vectors may learn from what was asked before, see
:mod:`penchant.evaluate.stream_online`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from penchant.errors import InvalidInput
from penchant.learn.continued import Known, Pace, Pass, learn_on, trained
from penchant.learn.online import OnlineSettings
from penchant.model.scoring import PreferenceModel

WARM = Pace(passes=3, replay=4.0, whole=0.0)
"""Of ``warm-retrain``: thrice what is new since the last checkpoint and four times as much that is old."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One moment at which an arm may learn: a block is about to be asked.

    Attributes:
        block: which one, from 0; one more than the last when the stream has ended.
        begin: unix seconds of its beginning. known: everything before that, and nothing later.
        fresh: unix seconds from which on events are new since the turn before.
        older: the same since the last checkpoint, or since the stream began.
        checkpoint: a block before which arms may retrain. seed: of what is drawn.
    """

    block: int
    begin: float
    known: Known
    fresh: float
    older: float
    checkpoint: bool
    seed: int


class Arm(Protocol):
    """One way of learning on. It holds no state: what stood before is handed to it.

    ``live``: whether people's states move on with their events. ``learns``: whether weights move from block
    to block, so that a matrix of what was learned and kept makes sense. ``tables``: how far item vectors move
    within a block, beside the model and for as long as it stays the same; None where they do not.
    """

    @property
    def name(self) -> str: ...
    @property
    def live(self) -> bool: ...
    @property
    def learns(self) -> bool: ...
    @property
    def tables(self) -> OnlineSettings | None: ...

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """The model that answers the block; ``model`` stood before. None: this block is not asked."""
        ...


class Frozen:
    """Neither weights nor states move: what was known at the stream's beginning is all there ever is."""

    name, live, learns, tables = "frozen", False, False, None

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """The same model."""
        del turn
        return model


class LiveState:
    """States move with every event, weights do not."""

    name, live, learns, tables = "live-state", True, False, None

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """The same model."""
        del turn
        return model


@dataclass(frozen=True, slots=True)
class Deltas:
    """Item vectors learn every few seconds, for as long as the stream goes; weights never do."""

    tables: OnlineSettings | None = field(default_factory=OnlineSettings)
    name, live, learns = "deltas", True, True

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """The same model."""
        del turn
        return model


@dataclass(frozen=True, slots=True)
class Online:
    """The product's own learning on: a pass with replay at the end of each block, item vectors within it."""

    pace: Pace = field(default_factory=Pace)
    tables: OnlineSettings | None = field(default_factory=OnlineSettings)
    name, live, learns = "online", True, True

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """After one pass over the block that has ended."""
        return _learned(model, turn, turn.fresh, self.pace)


class Naive:
    """Plain fine-tuning on each block that has ended: the step size of training, no replay, no averaging."""

    name, live, learns, tables = "naive", True, True, None

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """After one pass over the block that has ended."""
        return _learned(
            model, turn, turn.fresh, Pace(lr=model.settings.lr, replay=0.0, whole=0.0, average=False)
        )


@dataclass(frozen=True, slots=True)
class WarmRetrain:
    """Learning on with more passes and more of the past, only at the checkpoints."""

    pace: Pace = WARM
    name, live, learns, tables = "warm-retrain", True, True, None

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """After everything since the last checkpoint, where this is one; else the same model."""
        return _learned(model, turn, turn.older, self.pace) if turn.checkpoint else model


class JointRetrain:
    """Training from scratch on everything at the checkpoints, and asked only there."""

    name, live, learns, tables = "joint-retrain", True, False, None

    def turn(self, model: PreferenceModel, turn: Turn) -> PreferenceModel | None:
        """A new model at a checkpoint, None elsewhere."""
        return trained(turn.known, replace(model.settings, seed=turn.seed)) if turn.checkpoint else None


ARMS: dict[str, Callable[[], Arm]] = {
    "frozen": Frozen,
    "live-state": LiveState,
    "deltas": Deltas,
    "online": Online,
    "warm-retrain": WarmRetrain,
    "joint-retrain": JointRetrain,
    "naive": Naive,
}
"""By the name that ``--arms`` takes."""


def make_arms(names: Sequence[str]) -> list[Arm]:
    """The arms of these names, in their order.

    Raises:
        InvalidInput: none, an unknown one, or one twice.

    >>> [arm.name for arm in make_arms(["online", "naive"])]
    ['online', 'naive']
    """
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise InvalidInput(f"unknown arm {', '.join(map(repr, unknown))}: choose from {', '.join(ARMS)}")
    if not names or len(set(names)) != len(names):
        raise InvalidInput(f"arms must be named, each once, got {', '.join(names) or 'none'}")
    return [ARMS[name]() for name in names]


def _learned(model: PreferenceModel, turn: Turn, since: float, pace: Pace) -> PreferenceModel:
    """``model`` after everything since ``since``; before the first block nothing has come yet."""
    return learn_on(model, Pass(turn.known, since, pace), turn.seed) if turn.block else model
