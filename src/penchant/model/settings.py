"""How a preference model is built and trained."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from penchant.errors import SettingsError
from penchant.model.encoders import entry_of

CHOICES = {"loss": ("sampled", "full"), "optimizer": ("adamw", "adagrad")}
"""What settings that are one of a few words can be."""

OBJECTIVES = ("next", "masked", "contrastive")
"""Of self-supervised pre-training; see :mod:`penchant.model.pretrain`."""


INPUTS = ("types", "gaps", "sessions", "ratings", "queries", "text", "price", "clock", "attributes")
"""What a model reads beside the ids of items; see :class:`ModelSettings`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """One configuration for every shop; what differs between shops is learned from the data.

    Attributes:
        encoder: name in :data:`penchant.model.encoders.ENCODERS`.
        dim, layers: width D and depth of the encoder.
        text_dim: whitened text dimensions that are kept.
        dropout, dropout_long: share of activations dropped in training where histories are short, and long;
            what learns on later takes the second.
        id_dropout: share of a batch's items that training reads and scores by their text alone.
        inputs: words of :data:`INPUTS` joined by ``+``. Of an event: ``types``, ``gaps`` of time before it,
            its place in ``sessions``, which half an hour without an event ends, ``ratings``, the text of
            ``queries``. Of an item: its ``text``, the level of its ``price``. Of the moment at which a list
            is asked for: ``clock``, that is hour, weekday and time since the last event. Of people: their
            ``attributes``. What is left out is a table of zeros that does not learn. The encoder fades
            with time and the repeat memory knows types, whatever is left out.
        loss: ``sampled``, against ``negatives`` items per step, corrected for how they were drawn; ``full``,
            against all items that were ever wanted, by blocks: slower, and no better where it was measured.
        negatives: sampled items per step, half of them drawn evenly, half by how often they are wanted (as
            items of the batch's other questions would be); as many as there are items: the full softmax.
        memory: items in the repeat memory of a person, 10 bytes each; 49 keep a state within 1 KiB.
        optimizer: ``adamw`` or ``adagrad``. lr: its step size.
        weight_decay, id_decay: of all other weights, and of the items' id vectors.
        max_epochs, patience: epochs at most; epochs without a better validation before the end. An epoch is
            a pass, several where they are short, a part of one where they are long (``model/sizes.py``).
        time_budget_s: seconds of training, None for no limit.
        auxiliary: weight in the loss of a question about another type of event than the main one (purchases
            where there are some); 1 for the same.
        batch: examples per step where histories are short; events per step where they are long; fewer
            in small shops.
        accumulate: batches whose gradients are added before one step.
        short: where nine people of ten have at most this many events, each prefix is an example.
        window: most recent events of a prefix example, or events of a window that carries state.
        validation: people whose last basket is held out, at most (and at most half of them); where moments
            of validation are given, how many of them are asked.
        pretrain: what is trained on first, words of :data:`OBJECTIVES` joined by ``+``; empty for nothing.
        pretrain_share: of the time budget, at most.
        discovery: share of NDCG@10 on held-out baskets that may be given up to show new things earlier,
            where at least half of what is taken is new to who takes it; in proportion where less is.
        threads: of torch; 0 for one less than its own number, as another thread reads ahead.
    """

    encoder: str = "recurrent"
    dim: int = 64
    layers: int = 2
    text_dim: int = 96
    dropout: float = 0.5
    dropout_long: float = 0.3
    id_dropout: float = 0.0
    inputs: str = "+".join(INPUTS)
    loss: str = "sampled"
    negatives: int = 1024
    memory: int = 49
    optimizer: str = "adamw"
    lr: float = 2e-3
    weight_decay: float = 0.0
    id_decay: float = 0.0
    max_epochs: int = 60
    patience: int = 3
    time_budget_s: float | None = 1140.0
    auxiliary: float = 0.3
    batch: int = 512
    accumulate: int = 1
    short: int = 100
    window: int = 50
    validation: int = 5000
    pretrain: str = ""
    pretrain_share: float = 0.25
    discovery: float = 0.04
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        entry_of(self.encoder)
        for name in ("dim", "layers", "text_dim", "negatives", "memory", "max_epochs", "batch", "accumulate"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1, received {getattr(self, name)}")
        for name in ("dropout", "dropout_long", "id_dropout", "discovery", "pretrain_share"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(f"{name} must be from 0 to below 1, received {getattr(self, name)}")

        if not 0 < self.auxiliary <= 1:
            raise SettingsError(f"auxiliary must be above 0, at most 1, received {self.auxiliary}")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")

        _known("pretrain", self.objectives, OBJECTIVES)
        _known("inputs", self.read, INPUTS)

    @property
    def objectives(self) -> tuple[str, ...]:
        """Those of pre-training, by name.

        >>> ModelSettings(pretrain="next+masked").objectives
        ('next', 'masked')
        """
        return _words(self.pretrain)

    @property
    def read(self) -> tuple[str, ...]:
        """The inputs that are on, by name.

        >>> ModelSettings(inputs="text+clock").read
        ('text', 'clock')
        """
        return _words(self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a manifest.

        >>> ModelSettings.from_dict(ModelSettings(dim=8).to_dict()).dim
        8
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Settings from plain values; unknown names are refused."""
        known = {field.name for field in fields(cls)}
        if set(raw) - known:
            raise SettingsError(
                f"unknown model settings {sorted(set(raw) - known)}; known are {sorted(known)}"
            )
        return cls(**raw)


def _words(joined: str) -> tuple[str, ...]:
    return tuple(joined.split("+")) if joined else ()


def _known(name: str, words: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = sorted(set(words) - set(known))
    if unknown:
        raise SettingsError(f"{name} is made of {', '.join(known)}, joined by +; unknown: {unknown}")
