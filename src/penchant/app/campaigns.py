"""A shop's campaigns as its door shows them, and rows of its further tables as it takes them in."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from penchant.adapters.sqlite.offers import named_offers
from penchant.app.counts import counted
from penchant.app.engine import Engine
from penchant.app.shop import Shop
from penchant.app.trends import trends_of
from penchant.decide.campaigns.report import CampaignReport, campaign_reports
from penchant.decide.regression import TreeMaker
from penchant.events.offers import Offer
from penchant.recommend.offers import Told
from penchant.taste.wished import never
from penchant.types import Pseudonym

ITEMS: Final = 100
"""Of one offer that are named."""


class CampaignDesk:
    """:class:`~penchant.serve.campaigns.CampaignServices`."""

    def __init__(self, shop: Shop, engine: Engine) -> None:
        self._shop = shop
        self._engine = engine

    def put_rows(self, table: str, records: list[dict[str, Any]]) -> dict[str, int]:
        """See :meth:`~penchant.serve.campaigns.CampaignServices.put_rows`."""
        with self._engine.lock:  # An erasure of a person comes before or after it as a whole.
            told = self._shop.tables()[table].put(records)
        self._engine.tables.follow()
        return told

    def set_follows(self, user_id: str, followed: list[Any]) -> dict[str, int]:
        """See :meth:`~penchant.serve.campaigns.CampaignServices.set_follows`."""
        with self._engine.lock:  # An erasure of one of them comes before or after it as a whole.
            told = self._shop.follow_lists().put(user_id, followed)
        self._engine.tables.follow()
        return told

    def campaigns(self, user_id: str) -> dict[str, Any]:
        """See :meth:`~penchant.serve.campaigns.CampaignServices.campaigns`."""
        person, now = self._shop.pseudonymizer.pseudonym(user_id), self._shop.clock()
        self._engine.tables.follow()
        offers = self._engine.tables.offers
        if not offers.any or not self._shop.consent.get(person).profiling:
            return {"campaigns": []}
        view = self._shop.catalog.view()
        allowed = self._engine.tables.rules.about(view, person, "campaigns", now).allowed(view.available)
        allowed = allowed & ~never(self._shop.corrections.get(person), view)

        def shown(item_id: str) -> bool:
            row = view.row(item_id)
            return row >= 0 and bool(allowed[row])

        found = [_campaign(told, shown) for told in offers.of(Pseudonym(person), now)]
        return {"campaigns": [one for one in found if one["offers"]]}

    def trends(self) -> dict[str, Any]:
        """See :meth:`~penchant.serve.campaigns.CampaignServices.trends`."""
        return msgspec.to_builtins(trends_of(self._shop))


def _campaign(told: Told, shown: Callable[[str], bool]) -> dict[str, Any]:
    """A campaign with its offers on items that may be shown."""
    offers: dict[str, tuple[Offer, list[str]]] = {}
    for item_id, rows in sorted(told.offers.items()):
        for row in rows if shown(item_id) else ():
            offers.setdefault(row.offer_id, (row, []))[1].append(item_id)
    listed = [
        {
            "offer_id": name,
            "discount": row.discount,
            "starts": row.starts,
            "ends": row.ends,
            "items": items[:ITEMS],
            "items_in_all": len(items),
        }
        for name, (row, items) in sorted(offers.items())
    ]
    return {"campaign_id": told.campaign_id, "since": told.since, "offers": listed}


def reports_of(shop: Shop, trees: TreeMaker | None) -> list[CampaignReport]:
    """What became of each campaign, by the log; people who opted out are in no figure."""
    columns, cleaned = counted(shop)
    out = cleaned.all_people().union(shop.consent.opted_out())
    exposures = [one for one in shop.exposures.all() if one.user_id not in out]
    named = named_offers(shop.database)
    return campaign_reports(columns, shop.offers.all(), exposures, named, shop.clock(), trees=trees)
