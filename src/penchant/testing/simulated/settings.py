"""What kind of shop is simulated."""

from dataclasses import dataclass, replace
from typing import Self

from penchant.errors import InvalidInput

DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """From one moment on a part of the people want something else altogether.

    Attributes:
        at: when, as a share of the shop's time.
        people: share of the people who change; 1 for everybody.
    """

    at: float = 0.65
    people: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """Size of the shop and what happens in it. By default everything happens, and all of it is bought.

    Attributes:
        people, items, interests, events: how many. Each item belongs to one interest.
        days: length of the shop's time, in ``blocks`` equal periods.
        start: unix seconds of its beginning.
        seed: of everything that is drawn.
        basket: mean number of items in one visit.
        clicks: share of the visits that only look.
        pauses: share of the people who stay away for a while, in any but the first and the last tenth.
        drift: how far each person's taste has moved to another one at the end, from 0 to 1.
        season: height of the yearly wave of each interest, on the log scale.
        new_items: share of the items that arrive between 20% and 90% of the time.
        fashion: share of everybody's events that one interest takes at the height of its fashion.
        shock: None for none.
        returning: share of the people with an interest that only they have, and only in the first and the
            last block.
        repeats: may a person take an item again? Without repeats, give a person 20 events or fewer: what is
            wanted most runs out.
        text_dim: length of a text vector.

    Raises:
        InvalidInput: a size or a share that no shop can have.

    >>> SimulatedSettings(people=100).still().drift
    0.0
    """

    people: int = 5_000
    items: int = 2_000
    interests: int = 20
    events: int = 200_000
    days: float = 300.0
    blocks: int = 10
    start: float = 1_704_067_200.0
    seed: int = 0
    basket: float = 2.0
    clicks: float = 0.0
    pauses: float = 0.3
    drift: float = 0.3
    season: float = 0.5
    new_items: float = 0.1
    fashion: float = 0.2
    shock: Shock | None = Shock()
    returning: float = 0.1
    repeats: bool = True
    text_dim: int = 64

    def __post_init__(self) -> None:
        _at_least("interests", self.interests, 6)
        _at_least("items", self.items, 10 * self.interests)
        _at_least("blocks", self.blocks, 3)
        _at_least("basket", self.basket, 1)
        for name in ("people", "events", "text_dim"):
            _at_least(name, getattr(self, name), 1)
        for name in ("clicks", "pauses", "drift", "fashion", "returning"):
            _share(name, getattr(self, name), 1.0)
        _share("new_items", self.new_items, 0.5)
        if self.shock:
            _share("shock.at", self.shock.at, 1.0)
            _share("shock.people", self.shock.people, 1.0)
        if not self.days > 0:
            raise InvalidInput(f"days must be above 0, got {self.days}")

    @property
    def seconds(self) -> float:
        """Length of the shop's time."""
        return self.days * DAY

    def still(self) -> Self:
        """The same shop without any change, a pause included: every moment is like every other."""
        none = dict.fromkeys(("pauses", "drift", "season", "new_items", "fashion", "returning"), 0.0)
        return replace(self, shock=None, **none)


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise InvalidInput(f"{name} of a simulated shop must be at least {least}, got {value}")


def _share(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise InvalidInput(f"{name} is a share from 0 to {most:g}, got {value}")
