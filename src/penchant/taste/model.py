"""What following a person's taste needs from a preference model. ``model.serving`` gives the real one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """One event as a model reads it.

    Attributes:
        item: row in the id table; -1 for none. type: ``EventType.code``. time: unix seconds.
        basket: equal for events of one basket of one person, growing from basket to basket.
        value: rating or amount, NaN for none. query: vector of the search text, None for none.
    """

    item: int
    type: int
    time: float
    basket: int
    value: float = float("nan")
    query: NDArray[np.float32] | None = None


class PreferenceModel(Protocol):
    """A trained model in its serving form: states in, scores out. States are never changed in place."""

    @property
    def encoder_id(self) -> str:
        """States of one ``encoder_id`` are good for every model of the same."""
        ...

    @property
    def n_items(self) -> int:
        """Rows of the id table that it can score, from the first."""
        ...

    def initial(self) -> Any:
        """State of somebody who did nothing yet."""
        ...

    def step(self, state: Any, token: Token) -> Any:
        """State after one more event, in constant time."""
        ...

    def encode(self, tokens: Sequence[Token]) -> Any:
        """State after a whole history; equals stepping through it."""
        ...

    def h(self, state: Any, now: float) -> NDArray[np.float32]:
        """Behaviour vector at ``now`` (unix seconds), shape (D,)."""
        ...

    def scores(self, state: Any, now: float) -> NDArray[np.float32]:
        """Preference for every item at ``now``, shape (n_items,); fresh, the caller may change it."""
        ...

    def vectors(self) -> NDArray[np.float32]:
        """Item vectors that ``h`` is compared with, shape (n_items, D)."""
        ...

    def with_items(self, text_vectors: NDArray[np.float32]) -> Self:
        """The same model for a longer id table: new rows get vectors from their text."""
        ...
