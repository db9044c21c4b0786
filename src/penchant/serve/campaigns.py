"""Campaigns of a person, rows of offers, exposures and stock, whom a person follows, and trends:
``/v1/users/{id}/campaigns``, ``/v1/offers``, ``/v1/users/{id}/follows``, ``/v1/trends`` and so on."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from penchant.errors import InvalidInput
from penchant.serve.limits import Change, check_id, read_batch, read_json
from penchant.settings import ServeSettings

Routes = list[tuple[str, str, frozenset[str], Callable[[Request], Awaitable[Any]]]]


class CampaignServices(Protocol):
    """What the door asks."""

    def put_rows(self, table: str, records: list[dict[str, Any]]) -> dict[str, int]:
        """Keep rows of ``offers``, ``exposures`` or ``stock``, all or none; ``received``, ``changed``,
        ``erased``. Lists follow them at once, in other processes within two seconds. Raises InvalidInput.
        """
        ...

    def set_follows(self, user_id: str, followed: list[Any]) -> dict[str, int]:
        """Replace whom the person follows: ``follows`` so many, ``changed`` so many. Lists follow it at
        once, in other processes within two seconds. Raises InvalidInput, Conflict."""
        ...

    def campaigns(self, user_id: str) -> dict[str, Any]:
        """``campaigns`` that the person was told of and whose offers hold now; none of who opted out.

        Each has ``campaign_id``, ``since`` and ``offers``: ``offer_id``, ``discount``, ``starts``, ``ends``,
        ``items`` that may be shown, the first hundred, and ``items_in_all``.
        """
        ...

    def trends(self) -> dict[str, Any]:
        """A :class:`penchant.decide.trends.result.Trends` as built-ins. Raises NotEnoughData."""
        ...


class CampaignRoutes:
    """Each turns a request into one call."""

    def __init__(self, services: CampaignServices, limits: ServeSettings, change: Change) -> None:
        """``change`` does what may wait for the disk."""
        self._services = services
        self._limits = limits
        self._change = change

    async def campaigns(self, request: Request) -> Any:
        user = check_id(request.path_params["user_id"], "user_id", self._limits.max_id)
        return {"user_id": user} | await run_in_threadpool(self._services.campaigns, user)

    async def trends(self, request: Request) -> Any:
        del request
        return await run_in_threadpool(self._services.trends)

    async def put_offers(self, request: Request) -> Any:
        return await self._put("offers", request)

    async def put_exposures(self, request: Request) -> Any:
        return await self._put("exposures", request)

    async def put_stock(self, request: Request) -> Any:
        return await self._put("stock", request)

    async def put_follows(self, request: Request) -> Any:
        user = check_id(request.path_params["user_id"], "user_id", self._limits.max_id)
        body = await read_json(request, self._limits)
        followed = body.get("follows") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(followed, list):
            raise InvalidInput('the body must be {"follows": ["the id of a person", ...]}')
        return await self._change(self._services.set_follows, user, followed)

    async def _put(self, table: str, request: Request) -> Any:
        records = await read_batch(request, table, self._limits)
        return await self._change(self._services.put_rows, table, records)


def campaign_routes(routes: CampaignRoutes) -> Routes:
    """Method, path, scopes and handler, as :func:`penchant.serve.http.routes` has them."""
    admin = frozenset[str]()
    return [
        ("GET", "/v1/users/{user_id}/campaigns", frozenset({"read"}), routes.campaigns),
        ("GET", "/v1/trends", admin, routes.trends),
        ("PUT", "/v1/offers", admin, routes.put_offers),
        ("PUT", "/v1/exposures", admin, routes.put_exposures),
        ("PUT", "/v1/stock", admin, routes.put_stock),
        ("PUT", "/v1/users/{user_id}/follows", frozenset({"events"}), routes.put_follows),
    ]
