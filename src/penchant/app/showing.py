"""What people are shown: baskets and items with their words."""

from collections.abc import Iterable
from typing import Any

from penchant.catalog.catalog import Catalog
from penchant.recommend.wording import Language, shared_with, words
from penchant.types import Impression, Logged, Recommendation

BASKETS = 12

TEXT = 200
"""Characters shown of a search or a message."""


def shown_items(catalog: Catalog, items: Iterable[Recommendation]) -> list[dict[str, Any]]:
    """Items of a list as a person reads them, with the reason in words."""
    listed, view = list(items), catalog.view()
    named = {item_id for entry in listed for item_id in (entry.item_id, *entry.reason.items)}
    known = catalog.many(sorted(named))

    def title(item_id: str) -> str:
        return known[item_id].title if item_id in known and known[item_id].title else item_id

    rows: list[dict[str, Any]] = []
    for entry in listed:
        item = known.get(entry.item_id)
        rows.append(
            {
                "item_id": entry.item_id,
                "title": title(entry.item_id),
                "category": item.category if item else "",
                "brand": item.brand if item else "",
                "price": item.price if item else None,
                "score": entry.score,
                "reason": words(entry.reason, title, shared=shared_with(entry.reason, entry.item_id, view)),
            }
        )
    return rows


def reason_words(catalog: Catalog, shown: Impression, language: Language) -> list[str]:
    """Why each item is in a list, in words."""
    view = catalog.view()
    return [
        words(one.reason, view.title_of, language, shared_with(one.reason, one.item_id, view))
        for one in shown.items
    ]


def recent_baskets(catalog: Catalog, history: list[Logged], count: int = BASKETS) -> list[dict[str, Any]]:
    """The newest events, those of one moment, type and session together; newest first."""
    baskets: list[dict[str, Any]] = []
    before: object = None
    for entry in reversed(history):
        event = entry.event
        moment = (event.timestamp if event.session_id is None else event.session_id, event.type)
        if moment != before:
            if len(baskets) == count:
                break
            baskets.append({"timestamp": event.timestamp, "type": event.type.value, "items": [], "texts": []})
            before = moment
        if event.item_id is not None:
            baskets[-1]["items"].append({"item_id": event.item_id, "title": event.item_id})
        if event.query or event.text:
            baskets[-1]["texts"].append(_shortened(event.query or event.text or ""))
    known = catalog.many([item["item_id"] for basket in baskets for item in basket["items"]])
    for basket in baskets:
        for item in basket["items"]:
            if item["item_id"] in known:
                item["title"] = known[item["item_id"]].title or item["item_id"]
    return baskets


def _shortened(text: str) -> str:
    # Not cut at a space: some languages write none.
    plain = " ".join(text.split())
    return plain if len(plain) <= TEXT else plain[: TEXT - 1] + "…"
