"""Encoders by name. A new one is a file with its training form and one line here.

With a step form (a second file, numpy only) it can serve too. Both are imported when they are used:
serving loads no torch, training no step form.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from penchant.errors import SettingsError
from penchant.model.encoders.protocol_step import StepEncoder, Weights

if TYPE_CHECKING:
    from penchant.model.encoders.protocol import Encoder


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an encoder lives: ``module:class``; ``step`` is empty where it cannot serve."""

    train: str
    step: str = ""


ENCODERS: dict[str, Entry] = {
    "recurrent": Entry("recurrent:Recurrent", "recurrent_step:RecurrentStep"),
    "lstm": Entry("lstm:Lstm", "lstm_step:LstmStep"),
    "cnn": Entry("cnn:Cnn", "cnn_step:CnnStep"),
    "transformer": Entry("transformer:Transformer", "transformer_step:TransformerStep"),
}


def make_encoder(name: str, dim: int, layers: int, dropout: float) -> "Encoder":
    """Training form of the encoder called ``name``, with fresh weights.

    Raises:
        SettingsError: there is none of that name.
    """
    return _class(entry_of(name).train)(dim, layers, dropout)


def make_step(name: str, weights: Weights) -> StepEncoder:
    """Step form of the encoder called ``name``, with the weights of its training form.

    Raises:
        SettingsError: there is none of that name, or it has no step form.
    """
    entry = entry_of(name)
    if not entry.step:
        raise SettingsError(f"encoder {name!r} has no step form and cannot serve; train 'recurrent' instead")
    return _class(entry.step).of(weights)


def entry_of(name: str) -> Entry:
    """Where the encoder called ``name`` lives.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in ENCODERS:
        raise SettingsError(f"unknown encoder {name!r}: choose one of {', '.join(sorted(ENCODERS))}")
    return ENCODERS[name]


def _class(path: str) -> Any:
    module, name = path.split(":")
    return getattr(import_module(f"{__name__}.{module}"), name)
