"""Whether weights can serve: shapes that fit together, finite numbers, and a trial. Numpy only.

A checksum says that a snapshot is what was written, not that it is any good: numpy would stretch a weight of
one number over all items, and a single NaN in the encoder empties every personal list without an error.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.errors import SnapshotRefused
from penchant.model.attributes import Vocabulary
from penchant.model.dials import RANGE
from penchant.model.moments import HOURS, WEEKDAYS
from penchant.model.prices import LEVELS
from penchant.model.repeat import Memory
from penchant.model.tokens import DAY, GAPS, KINDS, SESSION, SESSIONS, Token
from penchant.model.trend import LIFETIMES

Arrays = Mapping[str, NDArray[Any]]
Size = int | str

SHAPES: Mapping[str, tuple[Size, ...]] = {
    "asked.hour": (HOURS, "D"),
    "asked.pause": (GAPS, "D"),
    "asked.vocabulary": ("bytes",),
    "asked.weekday": (WEEKDAYS, "D"),
    "asked.word": ("words", "D"),
    "input.ids": ("sold", "D"),
    "input.price": (LEVELS, "D"),
    "input.price_borders": ("borders",),
    "input.project": ("D", "W"),
    "input.sold": ("sold",),
    "memory": (1,),
    "novelty": (),
    "open": (RANGE,),
    "output.bias": ("sold",),
    "output.counts": ("sold",),
    "output.delta": ("moved", "D"),
    "output.newcomer": (1,),
    "output.rows": ("moved",),
    "personal": (),
    "repeat.both.weight": ("D", "D"),
    "repeat.hidden.bias": ("H",),
    "repeat.hidden.weight": ("H", "features"),
    "repeat.item.weight": ("R", "D"),
    "repeat.out.bias": (1,),
    "repeat.out.weight": (1, "H"),
    "repeat.person.weight": ("R", "D"),
    "start": ("D",),
    "tokens.gap": (GAPS, "D"),
    "tokens.kind": (KINDS, "D"),
    "tokens.norm.weight": ("D",),
    "tokens.query.weight": ("D", "W"),
    "tokens.session": (SESSIONS, "D"),
    "tokens.value": ("D",),
    "trend": (len(LIFETIMES),),
    "unseen": (2,),
    "whitening.matrix": ("T", "W"),
    "whitening.mean": ("T",),
}
"""Of each weight that scores read. A letter or word is a size that is the same wherever it stands: D of the
model, T of text vectors, W whitened, H and R of the repeat head. A number on its own may have the shape ()
or (1,)."""

OPTIONAL = frozenset(["output.rows", "output.delta"])
"""Only where something was learned on top of another snapshot's encoder."""

_OF_WIDTH = re.compile(r"(norm\.weight|\.rate)$")
_TRIAL = 1_735_689_600.0
"""A Wednesday; any time does."""


class Model(Protocol):
    """What a trial asks of a serving model; see :class:`~penchant.model.serving.ServingModel`."""

    @property
    def n_items(self) -> int: ...

    def initial(self) -> Any: ...

    def step(self, state: Any, token: Token) -> Any: ...

    def scores(
        self, state: Any, now: float, record: Memory | None = None, about: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]: ...


def check_arrays(arrays: Arrays, dim: int, length: int) -> None:
    """Whether the weights of a model of width ``dim`` (D), made for an id table of ``length``, are sound.

    Raises:
        SnapshotRefused: one is missing, has another shape, holds something that is no finite number, or
            names items that the table did not have.
    """
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise SnapshotRefused(f"{name} holds something that is no finite number")
    sizes: dict[str, int] = {"D": dim}
    for name, shape in SHAPES.items():
        if name in arrays:
            _check_shape(name, arrays[name].shape, shape, sizes)
        elif name not in OPTIONAL:
            raise SnapshotRefused(f"{name} is missing")
    _check_encoder(arrays, dim)
    words = len(Vocabulary.unpacked(arrays["asked.vocabulary"]).words)
    if len(arrays["asked.word"]) != words + 1:
        raise SnapshotRefused(f"asked.word has {len(arrays['asked.word'])} rows for {words} words and nobody")
    for name in ("input.sold", "output.rows"):
        _check_rows(name, arrays.get(name, np.zeros(0, np.int64)), length)


def _check_shape(name: str, found: tuple[int, ...], shape: tuple[Size, ...], sizes: dict[str, int]) -> None:
    """``sizes`` learns those that it does not know yet."""
    if not shape and found == (1,):
        return
    if len(found) == len(shape):
        wanted = tuple(
            sizes.setdefault(size, n) if isinstance(size, str) else size
            for size, n in zip(shape, found, strict=True)
        )
        if wanted == found:
            return
    raise SnapshotRefused(f"{name} has the shape {found}, which does not fit the other weights")


def _check_encoder(arrays: Arrays, dim: int) -> None:
    """What numpy would stretch; all else that does not fit fails in the trial."""
    for name, array in arrays.items():
        if name.startswith("encoder.") and array.shape != _fitting(name, arrays, dim):
            raise SnapshotRefused(f"{name} has the shape {array.shape}, which does not fit the other weights")


def _fitting(name: str, arrays: Arrays, dim: int) -> tuple[int, ...]:
    """The shape that this weight of an encoder must have; its own where numpy cannot stretch it."""
    if _OF_WIDTH.search(name):
        return (dim,)
    matrix = arrays.get(name.replace("bias", "weight"))
    if "bias" in name and matrix is not None:
        return (len(matrix),)
    if name.endswith(".ago"):  # By head and by how long ago.
        return arrays[name.replace(".ago", ".fade")].size, arrays[name].shape[-1]
    return (arrays[name].size,) if name.endswith(".fade") else arrays[name].shape


def _check_rows(name: str, rows: NDArray[Any], length: int) -> None:
    if rows.dtype.kind not in "iu" or (len(rows) and not (np.diff(rows) > 0).all()):
        raise SnapshotRefused(f"{name} does not name rows of an item table, each once and in order")
    if len(rows) and not (rows[0] >= 0 and rows[-1] < length):
        raise SnapshotRefused(f"{name} names items beyond the {length} of the table it was made for")


def try_out(model: Model) -> None:
    """Step through a short history and ask for scores, of a stranger and of that person.

    Raises:
        SnapshotRefused: something does not fit, or scores are no finite numbers.
    """
    try:
        states = [model.initial()]
        for number, gap in enumerate((0.0, SESSION / 2, 30 * DAY)):
            item = number % model.n_items if model.n_items else -1
            states.append(model.step(states[-1], Token(item, 0, _TRIAL + number + gap)))
        found = [model.scores(state, _TRIAL + 31 * DAY) for state in states]
    except (ValueError, IndexError, TypeError, KeyError, ArithmeticError) as error:
        raise SnapshotRefused(f"its weights do not fit together ({error})") from error
    for scores in found:
        if scores.shape != (model.n_items,) or not np.isfinite(scores).all():
            raise SnapshotRefused("in a trial its scores were no finite numbers")
