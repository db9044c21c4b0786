"""Port to a language model that turns text into vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class TextEncoder(Protocol):
    """A sentence encoder. Vectors have length 1 (L2); an empty text gives zeros."""

    @property
    def name(self) -> str:
        """Model and version; vectors are cached under it and never mixed with another's."""
        ...

    @property
    def dim(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (len(texts), dim), float32."""
        ...


class VectorCache(Protocol):
    """Vectors by the hash of model name and text, so that an unchanged catalogue costs nothing."""

    def get(self, model: str, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The known ones among ``texts``."""
        ...

    def put(self, model: str, texts: Sequence[str], vectors: NDArray[np.float32]) -> None: ...
