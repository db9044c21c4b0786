"""What following a person's taste needs from a preference model. ``model.serving`` gives the real one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.model.delta import Delta
from penchant.model.repeat import Memory
from penchant.model.tokens import Token


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

    def h(self, state: Any, now: float, about: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Behaviour vector at ``now`` (unix seconds), shape (D,). ``about``: see :meth:`about`."""
        ...

    def numbers(self, state: Any) -> NDArray[np.float32]:
        """What of a state its history does not tell at once, shape (R,)."""
        ...

    def revived(self, numbers: NDArray[np.float32], tokens: Sequence[Token]) -> Any:
        """The state after a whole history, oldest first, whose :meth:`numbers` are known."""
        ...

    def about(self, attributes: Mapping[str, str]) -> NDArray[np.float32]:
        """What is known of a person as a vector that behaviour goes on with, shape (D,)."""
        ...

    def scores(
        self,
        state: Any,
        now: float,
        record: Memory | None = None,
        about: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Preference for every item at ``now``, shape (n_items,); fresh, the caller may change it.

        ``record``: all that the person ever wanted; None for what the state remembers of it.
        """
        ...

    def again(
        self,
        state: Any,
        now: float,
        record: Memory | None = None,
        about: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], np.float32]:
        """Rows of what was wanted before (m,), their scores (m,), and what is added to those of all others.

        The others' are ``vectors() @ h(state, now, about) + biases(now)`` without it.
        """
        ...

    def biases(self, now: float) -> NDArray[np.float32]:
        """Score of each item at ``now`` for who never wanted it, (n_items,). Do not change them."""
        ...

    def vectors(self) -> NDArray[np.float32]:
        """Item vectors that ``h`` is compared with, shape (n_items, D)."""
        ...

    def pasts(self, state: Any, tail: Sequence[Token] = ()) -> Any:
        """The beginning of :meth:`step_each`: after ``state`` and ``tail``, of which each can be left out."""
        ...

    def step_each(self, people: Sequence[tuple[Any, Any, Token]], most: int) -> list[tuple[Any, Any]]:
        """State and pasts after one more token of each of several people, given both before it.

        Pasts are states without each of the ``most`` newest events, and with all. Never changed in place.
        """
        ...

    def scores_each(
        self, people: Sequence[tuple[Any, Any, Memory | None, NDArray[np.float32] | None]], now: float
    ) -> NDArray[np.float32]:
        """:meth:`scores` of P people, given state, pasts, record and about of each; (P, n_items), fresh."""
        ...

    def without_each(self, people: Sequence[Any], now: float) -> list[NDArray[np.float32]]:
        """Of each of ``people``, given by pasts, :meth:`h` (k + 1, D) without each of the k events, then with
        all.

        Without what is known of the person: :meth:`about` is added to it, whatever the events.
        """
        ...

    def remembered(
        self, state: Any, items: NDArray[np.int64], record: Memory | None = None
    ) -> NDArray[np.bool_]:
        """Which of the item rows (R,) are scored as what the person wanted before."""
        ...

    def with_items(
        self, text_vectors: NDArray[np.float32], prices: NDArray[np.float32] | None = None
    ) -> "PreferenceModel":
        """The same model for a longer id table: new rows get vectors from text (n, T) and price (n,)."""
        ...

    def with_texts(
        self,
        rows: NDArray[np.int64],
        text_vectors: NDArray[np.float32],
        prices: NDArray[np.float32] | None = None,
    ) -> "PreferenceModel":
        """The same model where the items of distinct ``rows`` (n,) have other texts and prices (n,)."""
        ...

    def with_delta(self, delta: Delta | None) -> "PreferenceModel":
        """The same model with what was learned since, in the place of what it had. States stay good."""
        ...
