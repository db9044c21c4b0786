"""The language model of a shop, remembered by name so that the shop opens without it."""

from contextlib import suppress
from pathlib import Path

import msgspec

from penchant.adapters.sentence_encoder import load_sentence_encoder
from penchant.catalog.guarded import GuardedEncoder, Identity
from penchant.model.folders import write_file
from penchant.settings import TextSettings

REMEMBERED = "encoder.json"


class _Remembered(msgspec.Struct, frozen=True):
    """``model`` of the settings was the encoder ``name``, with vectors of ``dim`` numbers."""

    model: str
    name: str
    dim: int


def shop_encoder(folder: Path, settings: TextSettings) -> GuardedEncoder:
    """The encoder of the settings; where it cannot be had, one that says so until it can.

    Raises:
        MissingExtra, InvalidInput: it cannot be had, and never was in this shop.
    """
    path = folder / REMEMBERED
    before = _read(path, settings.model)
    encoder = GuardedEncoder(
        lambda: load_sentence_encoder(settings.model, batch=settings.batch, device=settings.device),
        None if before is None else Identity(before.name, before.dim),
    )
    now = _Remembered(settings.model, encoder.name, encoder.dim)
    if now != before:
        with suppress(OSError):  # It is only needed once the encoder is gone.
            write_file(path, msgspec.json.encode(now))
    return encoder


def _read(path: Path, model: str) -> _Remembered | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Remembered)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.model == model else None
