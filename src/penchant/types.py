"""Frozen records that every room speaks in. No input or output here.

None of them can hold itself, so the garbage collector need not look at them (``gc=False``): a server keeps
hundreds of thousands.
"""

from enum import StrEnum
from typing import Any, NewType

import msgspec

Pseudonym = NewType("Pseudonym", str)
"""A person as the inside of the house knows them: keyed hash of the shop's own ``user_id``."""


class EventType(StrEnum):
    """What a person did. The order is the wire and training code: append only.

    >>> EventType.VIEW.code, EventType.MESSAGE.code
    (0, 10)
    """

    VIEW = "view"
    SEARCH = "search"
    CLICK = "click"
    CART = "cart"
    REMOVE_FROM_CART = "remove_from_cart"
    WISHLIST = "wishlist"
    PURCHASE = "purchase"
    REFUND = "refund"
    RATING = "rating"
    REVIEW = "review"
    MESSAGE = "message"

    code: int
    """Small integer for arrays; never changes once released."""

    def __init__(self, _: str) -> None:
        self.code = len(type(self).__members__)  # A look-up for each event takes ten times as long.


EVENT_TYPES: tuple[EventType, ...] = tuple(EventType)

Scalar = str | int | float | bool | None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that one person did.

    ``user_id`` is the shop's id outside and a :data:`Pseudonym` from the door inwards.

    Attributes:
        timestamp: unix seconds, UTC.
        value: rating from 1 to 5, or an amount of money.
        sequence: order among events of one person with the same timestamp.
        recommendation_id: the list that this event answers, with ``position`` in it from 0.
        context: any further columns, kept as they came.
    """

    user_id: str
    type: EventType
    timestamp: float
    item_id: str | None = None
    event_id: str | None = None
    value: float | None = None
    quantity: float | None = None
    price: float | None = None
    query: str | None = None
    text: str | None = None
    session_id: str | None = None
    sequence: int | None = None
    recommendation_id: str | None = None
    position: int | None = None
    context: dict[str, Scalar] = {}


class Logged(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in the log."""

    position: int
    event: Event


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One product. ``category`` has its levels split by `` > ``; ``price`` in the shop's currency."""

    item_id: str
    title: str = ""
    category: str = ""
    brand: str = ""
    description: str = ""
    price: float | None = None
    image: str = ""
    available: bool = True
    attributes: dict[str, Scalar] = {}

    def text(self) -> str:
        """What a language model reads about the product.

        >>> Item(item_id="1", title="Red nail polish", brand="OPI", category="Beauty > Nails").text()
        'Red nail polish. OPI. Beauty, Nails'
        """
        category = self.category.replace(" > ", ", ")
        return ". ".join(part for part in (self.title, self.brand, category, self.description) if part)


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Why an item is in a list.

    ``kind`` is one of ``because-of`` (the past items in ``items`` contributed most),
    ``bought-again`` (bought before; ``count`` times), ``looked-at`` (viewed or otherwise handled before,
    never bought), ``about-you`` (what the shop knows of the person beside events contributed most),
    ``followed`` (people whom the person follows took it), ``popular``, ``similar``,
    ``tried`` (drawn, to learn whether it is liked) or ``rule`` (it is here because
    of the rule of the house named in ``rule``).
    ``share`` is the part of the score, from 0 to 1, that removing the named events, or what is known of the
    person, takes away.
    """

    kind: str
    items: tuple[str, ...] = ()
    count: int = 0
    share: float = 0.0
    rule: str = ""


class ItemOffer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An offer on an item that holds for the person of a list; ``discount`` is a share of the price."""

    offer_id: str
    campaign_id: str
    discount: float | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One item of a shown list."""

    item_id: str
    score: float
    position: int
    reason: Reason
    propensity: float = 1.0
    offer: ItemOffer | None = None


class Impression(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A list that was shown: one row in the log.

    ``user_id`` is a pseudonym, or empty where the list was for nobody in particular.
    ``snapshot`` is the model that made it, with ``+N`` after N deltas; empty where none did. ``fallback``
    says why the list is not what it should have been, see :data:`penchant.recommend.fallback.REASONS`; empty
    where nothing was wrong.
    """

    recommendation_id: str
    user_id: str
    timestamp: float
    placement: str
    items: tuple[Recommendation, ...]
    snapshot: str = ""
    arm: str = ""
    fallback: str = ""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that was refused, kept with the reason so that it can be repaired and replayed.

    ``content`` is the record as it came, its ``user_id`` already a pseudonym where it had one.
    ``table`` says what the record is of, ``events``, ``items``, ``users``, ``offers``, ``exposures``,
    ``stock`` or ``follows``; it stands beside the content, because a record may have a column of any name.
    """

    source: str
    row: int
    column: str
    code: str
    message: str
    content: dict[str, Any]
    timestamp: float
    user_id: str = ""
    table: str = "events"
