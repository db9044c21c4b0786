"""Why a list is not what the model would have said: a word for the answer, and the fault for who listens."""

from collections.abc import Callable

from penchant.errors import DamagedLog, EncoderGone, MissingExtra, ShopError, StorageError

MODEL, PERSON, STORAGE, ENCODER = "model", "person", "storage", "encoder"
"""No model serves; something is wrong with what is known of this one person; the shop's disk cannot be read;
the language model is gone. What strangers and people who opted out get is no fallback: it is their list."""

REASONS = (MODEL, PERSON, STORAGE, ENCODER)

OnFault = Callable[[str, Exception], None]
"""Hears of each fault that a list was answered in spite of, with its reason."""


def nobody_hears(_reason: str, _error: Exception) -> None:
    """For who does not ask."""


def reason_of(error: Exception) -> str:
    """One of :data:`REASONS`.

    >>> reason_of(StorageError("disk I/O error")), reason_of(ValueError("odd")), reason_of(EncoderGone("x"))
    ('storage', 'person', 'encoder')
    """
    if isinstance(error, (StorageError, ShopError)) and not isinstance(error, DamagedLog):
        return STORAGE
    return ENCODER if isinstance(error, (EncoderGone, MissingExtra)) else PERSON
