"""Routes under ``/v1`` and health, each behind its scope."""

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penchant.catalog.feeds import MAX_DESCRIPTION
from penchant.errors import Forbidden, InvalidInput, PenchantError, TooLarge, Unauthorized
from penchant.serve.errors import error_response, respond
from penchant.serve.limits import MAX_N, check_id, count, excluded, read_batch, read_json
from penchant.serve.places import IdRoute
from penchant.serve.services import ApiServices
from penchant.serve.watch import Metrics, note_fault
from penchant.types import Impression

Handler = Callable[[Request], Awaitable[Any]]
HTTP_ERRORS = {
    404: ("not-found", "no such route"),
    405: ("method-not-allowed", "this route has other methods"),
    415: ("unsupported-encoding", "only gzip is read; send the body in it, or uncompressed"),
    422: ("too-many", f"exclude: at most {MAX_N} items in one request"),
}
KEY_SECONDS = 1.0
"""For so long a key that was good is taken for good."""
MOST_KEYS = 1_000
"""Kept in mind."""
REPLY = msgspec.json.Encoder()


class Api:
    """The handlers of ``/v1``: each turns a request into one call, and gives its JSON-able result."""

    def __init__(self, services: ApiServices, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._settings = services.settings

    def _id(self, value: str, name: str) -> str:
        return check_id(value, name, self._settings.serve.max_id)

    def _user(self, request: Request) -> str:
        return self._id(request.path_params["user_id"], "user_id")

    def _size(self, request: Request) -> int:
        return count(request, self._settings.recommend.size)

    async def _body(self, request: Request) -> Any:
        return await read_json(request, self._settings.serve)

    async def post_events(self, request: Request) -> Any:
        records = await read_batch(request, "events", self._settings.serve)
        result = await run_in_threadpool(self._services.take_in, records)
        self._metrics.events(result)
        rejected = [{"index": i, "code": code, "message": why} for i, code, why in result.rejected]
        return {"accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}

    async def put_items(self, request: Request) -> Any:
        limits = self._settings.serve
        # As long as in a feed; each shorter column has its own limit where items are checked.
        limits = msgspec.structs.replace(limits, max_text=max(limits.max_text, MAX_DESCRIPTION))
        records = await read_batch(request, "items", limits)
        return await run_in_threadpool(self._services.upsert_items, records)

    async def delete_items(self, request: Request) -> Any:
        body = await self._body(request)
        limits = self._settings.serve
        ids = body.get("item_ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise InvalidInput('the body must be {"item_ids": [texts]}')
        if len(ids) > limits.max_batch:
            raise TooLarge(f"{len(ids)} ids; at most {limits.max_batch} at once. Send smaller batches")
        return await run_in_threadpool(self._services.delete_items, [self._id(i, "item_ids") for i in ids])

    async def recommendations(self, request: Request) -> Any:
        query = request.query_params
        context, user = query.get("item"), self._user(request)
        shown = await run_in_threadpool(
            self._services.recommend,
            user,
            self._size(request),
            self._id(query.get("placement", "default"), "placement"),
            self._id(context, "item") if context else None,
            excluded(request, self._settings.serve.max_id),
        )
        self._metrics.made(not shown.snapshot)
        return list_reply(shown, user)

    async def similar(self, request: Request) -> Any:
        item = self._id(request.path_params["item_id"], "item_id")
        return _found(await run_in_threadpool(self._services.similar, item, self._size(request)))

    async def search(self, request: Request) -> Any:
        text = check_id(request.query_params.get("q", ""), "q", self._settings.serve.max_text)
        user = request.query_params.get("user_id")
        user = self._id(user, "user_id") if user else None
        return _found(await run_in_threadpool(self._services.search, text, self._size(request), user))

    async def get_taste(self, request: Request) -> Any:
        return await run_in_threadpool(self._services.taste, self._user(request))

    async def patch_taste(self, request: Request) -> Any:
        body = await self._body(request)
        if not isinstance(body, dict):
            raise InvalidInput("the body must be one JSON object of corrections")
        return await run_in_threadpool(self._services.correct_taste, self._user(request), body)

    async def put_consent(self, request: Request) -> Any:
        body = await self._body(request)
        wanted = body.get("profiling") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(wanted, bool):
            raise InvalidInput('the body must be {"profiling": true} or {"profiling": false}')
        return await run_in_threadpool(self._services.set_consent, self._user(request), wanted)

    async def put_attributes(self, request: Request) -> Any:
        body = await self._body(request)
        if not isinstance(body, dict):
            raise InvalidInput('the body must be one JSON object of texts, such as {"city": "Bern"}')
        return await run_in_threadpool(self._services.set_attributes, self._user(request), body)

    async def export(self, request: Request) -> Any:
        return await run_in_threadpool(self._services.export, self._user(request))

    async def erase(self, request: Request) -> Any:
        return await run_in_threadpool(self._services.erase, self._user(request))


def _found(shown: Impression) -> dict[str, Any]:
    """A list about an item or a text: an event names its id to say what it answers."""
    return {"recommendation_id": shown.recommendation_id, "items": shown.items}


def list_reply(shown: Impression, user_id: str) -> dict[str, Any]:
    """A shown list as the shop sees it: its own ``user_id``, never the pseudonym."""
    return {
        "recommendation_id": shown.recommendation_id,
        "user_id": user_id,
        "placement": shown.placement,
        "snapshot": shown.snapshot,
        "fallback": not shown.snapshot,
        "items": shown.items,
    }


def routes(api: Api) -> list[tuple[str, str, frozenset[str], Handler]]:
    """Method, path, scopes of which one is needed (``admin`` always suffices), handler."""
    events, read, admin = frozenset({"events"}), frozenset({"read"}), frozenset[str]()
    return [
        ("POST", "/v1/events", events, api.post_events),
        ("PUT", "/v1/items", admin, api.put_items),
        ("DELETE", "/v1/items", admin, api.delete_items),
        ("GET", "/v1/users/{user_id}/recommendations", read, api.recommendations),
        ("GET", "/v1/items/{item_id}/similar", read, api.similar),
        ("GET", "/v1/search", read, api.search),
        ("GET", "/v1/users/{user_id}/taste", read, api.get_taste),
        ("PATCH", "/v1/users/{user_id}/taste", events, api.patch_taste),
        ("PUT", "/v1/users/{user_id}/consent", events, api.put_consent),
        ("PUT", "/v1/users/{user_id}/attributes", events, api.put_attributes),
        ("GET", "/v1/users/{user_id}/export", admin, api.export),
        ("DELETE", "/v1/users/{user_id}", admin, api.erase),
    ]


class KnownKeys:
    """Keys that were good a moment ago are not looked up again; one that is revoked is good for a second."""

    def __init__(self, verify: Callable[[str], frozenset[str] | None], clock: Callable[[], float]) -> None:
        self._verify = verify
        self._clock = clock
        self._held: dict[str, tuple[float, frozenset[str]]] = {}

    async def scopes(self, token: str) -> frozenset[str] | None:
        """Those of the key; None for one that nobody was given."""
        now = self._clock()
        until, held = self._held.get(token, (0.0, frozenset[str]()))
        if now < until:
            return held
        found = await run_in_threadpool(self._verify, token)
        self._held.pop(token, None)
        if found is not None:
            if len(self._held) >= MOST_KEYS:
                self._held.clear()
            self._held[token] = now + KEY_SECONDS, found
        return found


def guarded(known: KnownKeys, scopes: frozenset[str], handler: Handler) -> Callable[..., Any]:
    """The handler behind its scope, its result as JSON, its errors through the one table."""

    async def endpoint(request: Request) -> Response:
        try:
            await _authorise(known, request, scopes)
            return Response(REPLY.encode(await handler(request)), media_type="application/json")
        except PenchantError as error:
            note_fault(request.scope, error)
            return respond(error)

    return endpoint


async def _authorise(known: KnownKeys, request: Request, scopes: frozenset[str]) -> None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthorized("no key; send the header Authorization: Bearer KEY")
    held = await known.scopes(token.strip())
    if held is None:
        raise Unauthorized("this key is not known; make one with: penchant keys create")
    if "admin" not in held and not held & scopes:
        raise Forbidden(f"this key lacks the scope {' or '.join(sorted(scopes | {'admin'}))}")


def health_routes(services: ApiServices, metrics: Metrics) -> list[Route]:
    """``/healthz``, ``/readyz`` and ``/metrics``; they ask for no key and tell nothing of people."""

    async def healthz(_: Request) -> Response:
        return Response(b'{"alive":true}', media_type="application/json")

    async def readyz(_: Request) -> Response:
        state = await run_in_threadpool(services.readiness)
        status = 200 if state.get("ready") is True else 503
        return Response(REPLY.encode(state), status, media_type="application/json")

    async def counters(_: Request) -> Response:
        state = await run_in_threadpool(services.readiness)
        return Response(metrics.text(state), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", counters)]


def api_routes(services: ApiServices, metrics: Metrics) -> list[Route]:
    """All of ``/v1``, ready to be put into an application."""
    known = KnownKeys(services.verify, monotonic)
    return [
        IdRoute(path, guarded(known, scopes, handler), methods=[method])
        for method, path, scopes, handler in routes(Api(services, metrics))
    ]


async def http_error(_: Request, error: Exception) -> Response:
    """Unknown routes, wrong methods and the like, in the one form."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = HTTP_ERRORS.get(status, ("http-error", "not possible on this route"))
    return error_response(status, code, message)
