"""Routes under ``/v1`` and health, each behind its scope."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penchant.catalog.feeds import MAX_DESCRIPTION
from penchant.errors import (
    Forbidden,
    InvalidInput,
    PenchantError,
    ShopError,
    StorageError,
    TooLarge,
    Unauthorized,
)
from penchant.recommend.wording import language_of
from penchant.serve.campaigns import CampaignRoutes, campaign_routes
from penchant.serve.decisions import DecisionRoutes, decision_routes
from penchant.serve.errors import error_response, respond
from penchant.serve.gathered import AtOnce, Gathered
from penchant.serve.guests import GuestRoutes, guest_routes
from penchant.serve.limits import MAX_N, batch, check_id, count, excluded, read_batch, read_body, read_json
from penchant.serve.onboarding import OnboardingRoutes, onboarding_routes
from penchant.serve.places import IdRoute
from penchant.serve.rules import RuleRoutes, rule_routes
from penchant.serve.services import ApiServices, ListWanted
from penchant.serve.watch import Metrics, note_fault
from penchant.types import Impression

Handler = Callable[[Request], Awaitable[Any]]
Result = TypeVar("Result")
HTTP_ERRORS = {
    404: ("not-found", "no such route"),
    405: ("method-not-allowed", "this route has other methods"),
    415: ("unsupported-encoding", "only gzip is read; send the body in it, or uncompressed"),
    422: ("too-many", f"exclude: at most {MAX_N} items in one request"),
}
EVENTS_PATH, LIST_PATH = "/v1/events", "/v1/users/{user_id}/recommendations"
EVENTS_AT_ONCE = 5_000
"""Events of several requests that share one commit, at most; a larger request has its own."""
LISTS_AT_ONCE = 32
"""Lists that are made together, at most: whoever comes next waits for all of them."""
FEW = 20
"""Events of one request, at most, that may be taken in in the loop."""
EVENT_SECONDS, LIST_SECONDS = 0.002, 0.01
"""What is made in the loop should take no longer, see :class:`~penchant.serve.gathered.AtOnce`: a quick disk
takes a tenth of it."""
PATIENCE = 0.2
"""Seconds for which events wait in the loop for another write to end: what is copied back under the lock
takes some hundredths. In a thread they would take the interpreter from the loop."""
CHANGES = 40
"""Threads for requests that write, as many as there are for those that read. A disk that is slow or locked
holds all of them, and nobody's list waits for one."""
KEY_SECONDS = 1.0
"""For so long a key that was good is taken for good."""
BLIND_SECONDS = 600.0
"""For so long it is while keys cannot be looked up."""
MOST_KEYS = 1_000
"""Kept in mind."""
REPLY = msgspec.json.Encoder()


class Api:
    """The handlers of ``/v1``: each turns a request into one call, and gives its JSON-able result."""

    def __init__(self, services: ApiServices, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._settings = services.settings
        self.rules = RuleRoutes(services.rules, services.settings.serve)
        self._changes = CapacityLimiter(CHANGES)
        self.guests = GuestRoutes(services.guests, services.settings.serve, self._change)
        self.campaigns = CampaignRoutes(services.campaigns, services.settings.serve, self._change)
        self.decisions = DecisionRoutes(services.decided, services.settings.serve, self._change)
        self.onboarding = OnboardingRoutes(services.onboarding, services.settings.serve, self._change)
        now = AtOnce(partial(services.take_in_each, wait=False), _few, EVENT_SECONDS, 10 * FEW, PATIENCE)
        self._taken = Gathered(services.take_in_each, EVENTS_AT_ONCE, len, now)
        listed = partial(services.recommend_each, wait=False)
        now = AtOnce(listed, services.at_hand, LIST_SECONDS, LISTS_AT_ONCE)
        self._lists = Gathered(services.recommend_each, LISTS_AT_ONCE, at_once=now)

    async def _change(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """In a thread of those that may wait for the disk: who only reads has others."""
        return await to_thread.run_sync(partial(work, *arguments), limiter=self._changes)

    def _id(self, value: str, name: str) -> str:
        return check_id(value, name, self._settings.serve.max_id)

    def _user(self, request: Request) -> str:
        return self._id(request.path_params["user_id"], "user_id")

    def _size(self, request: Request) -> int:
        return count(request.query_params, self._settings.recommend.size)

    async def _body(self, request: Request) -> Any:
        return await read_json(request, self._settings.serve)

    async def post_events(self, request: Request) -> Any:
        raw = await read_body(request, self._settings.serve.max_body)
        return await self.events(raw, request.headers.get("content-type", ""))

    async def events(self, raw: bytes, kind: str) -> dict[str, Any]:
        """Take in the events of a body of this content type."""
        result = await self._taken.ask(batch(raw, kind, "events", self._settings.serve))
        self._metrics.events(result)
        rejected = [{"index": i, "code": code, "message": why} for i, code, why in result.rejected]
        return {"accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}

    async def put_items(self, request: Request) -> Any:
        limits = self._settings.serve
        # As long as in a feed; each shorter column has its own limit where items are checked.
        limits = msgspec.structs.replace(limits, max_text=max(limits.max_text, MAX_DESCRIPTION))
        records = await read_batch(request, "items", limits)
        return await self._change(self._services.upsert_items, records)

    async def delete_items(self, request: Request) -> Any:
        body = await self._body(request)
        limits = self._settings.serve
        ids = body.get("item_ids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
            raise InvalidInput('the body must be {"item_ids": [texts]}')
        if len(ids) > limits.max_batch:
            raise TooLarge(f"{len(ids)} ids; at most {limits.max_batch} at once. Send smaller batches")
        return await self._change(self._services.delete_items, [self._id(i, "item_ids") for i in ids])

    async def recommendations(self, request: Request) -> Any:
        accepted = request.headers.get("accept-language")
        return await self.list_for(request.path_params["user_id"], request.query_params, accepted)

    async def list_for(self, user_id: str, query: QueryParams, accepted: str | None) -> dict[str, Any]:
        """A list for a person; ``accepted`` is an ``Accept-Language`` header."""
        context, user = query.get("item"), self._id(user_id, "user_id")
        wanted = ListWanted(
            user,
            count(query, self._settings.recommend.size),
            self._id(query.get("placement", "default"), "placement"),
            self._id(context, "item") if context else None,
            tuple(excluded(query, self._settings.serve.max_id)),
        )
        shown = await self._lists.ask(wanted)
        self._metrics.made(shown)
        return list_reply(shown, user) | self._told(query, accepted, shown)

    async def similar(self, request: Request) -> Any:
        item = self._id(request.path_params["item_id"], "item_id")
        user = request.query_params.get("user_id")
        user = self._id(user, "user_id") if user else None
        shown = await run_in_threadpool(self._services.similar, item, self._size(request), user)
        return self._found(request, shown)

    async def prices(self, request: Request) -> Any:
        item = self._id(request.path_params["item_id"], "item_id")
        return await run_in_threadpool(self._services.item_prices, item)

    async def search(self, request: Request) -> Any:
        text = check_id(request.query_params.get("q", ""), "q", self._settings.serve.max_text)
        user = request.query_params.get("user_id")
        user = self._id(user, "user_id") if user else None
        shown = await run_in_threadpool(self._services.search, text, self._size(request), user)
        return self._found(request, shown)

    def _told(self, query: QueryParams, accepted: str | None, shown: Impression) -> dict[str, Any]:
        """Reasons in words, where a language is named."""
        asked = query.get("language")
        language = language_of(asked, accepted) if asked or accepted else None
        if language is None:
            if asked:
                raise InvalidInput(f"language must be en or zh, received {asked[:40]!r}")
            return {}
        return {"language": language, "reasons": self._services.reason_words(shown, language)}

    def _found(self, request: Request, shown: Impression) -> dict[str, Any]:
        """A list about an item or a text: an event names its id to say what it answers."""
        self._metrics.made(shown)
        found = {"recommendation_id": shown.recommendation_id, **_why(shown), "items": shown.items}
        return found | self._told(request.query_params, request.headers.get("accept-language"), shown)

    async def get_taste(self, request: Request) -> Any:
        return await run_in_threadpool(self._services.taste, self._user(request))

    async def patch_taste(self, request: Request) -> Any:
        body = await self._body(request)
        if not isinstance(body, dict):
            raise InvalidInput("the body must be one JSON object of corrections")
        return await self._change(self._services.correct_taste, self._user(request), body)

    async def put_consent(self, request: Request) -> Any:
        body = await self._body(request)
        known = isinstance(body, dict) and body and body.keys() <= {"profiling", "experiments"}
        if not known or not all(isinstance(wanted, bool) for wanted in body.values()):
            raise InvalidInput('the body must have "profiling" or "experiments", each true or false')
        wanted = body.get("profiling"), body.get("experiments")
        return await self._change(self._services.set_consent, self._user(request), *wanted)

    async def put_attributes(self, request: Request) -> Any:
        body = await self._body(request)
        if not isinstance(body, dict):
            raise InvalidInput('the body must be one JSON object of texts, such as {"city": "Bern"}')
        return await self._change(self._services.set_attributes, self._user(request), body)

    async def export(self, request: Request) -> Any:
        return await run_in_threadpool(self._services.export, self._user(request))

    async def erase(self, request: Request) -> Any:
        return await self._change(self._services.erase, self._user(request))


def _few(records: list[dict[str, Any]]) -> bool:
    # Search words may have to be read by a language model.
    return len(records) <= FEW and not any(record.get("query") for record in records)


def _why(shown: Impression) -> dict[str, Any]:
    """Whether the list is not what it should have been, and why."""
    return {"fallback": bool(shown.fallback), "fallback_reason": shown.fallback}


def list_reply(shown: Impression, user_id: str) -> dict[str, Any]:
    """A shown list as the shop sees it: its own ``user_id``, never the pseudonym."""
    return {
        "recommendation_id": shown.recommendation_id,
        "user_id": user_id,
        "placement": shown.placement,
        "snapshot": shown.snapshot,
        **_why(shown),
        "items": shown.items,
    }


EVENTS, READ, ADMIN = frozenset({"events"}), frozenset({"read"}), frozenset[str]()
"""Scopes of which one is needed; ``admin`` always suffices."""


def routes(api: Api) -> list[tuple[str, str, frozenset[str], Handler]]:
    """Method, path, scopes, handler."""
    return [
        ("POST", EVENTS_PATH, EVENTS, api.post_events),
        ("PUT", "/v1/items", ADMIN, api.put_items),
        ("DELETE", "/v1/items", ADMIN, api.delete_items),
        ("GET", LIST_PATH, READ, api.recommendations),
        ("GET", "/v1/items/{item_id}/similar", READ, api.similar),
        ("GET", "/v1/items/{item_id}/prices", READ, api.prices),
        ("GET", "/v1/search", READ, api.search),
        ("GET", "/v1/users/{user_id}/taste", READ, api.get_taste),
        ("PATCH", "/v1/users/{user_id}/taste", EVENTS, api.patch_taste),
        ("PUT", "/v1/users/{user_id}/consent", EVENTS, api.put_consent),
        ("PUT", "/v1/users/{user_id}/attributes", EVENTS, api.put_attributes),
        ("GET", "/v1/users/{user_id}/export", ADMIN, api.export),
        ("DELETE", "/v1/users/{user_id}", ADMIN, api.erase),
        *rule_routes(api.rules),
        *decision_routes(api.decisions),
        *guest_routes(api.guests),
        *onboarding_routes(api.onboarding),
        *campaign_routes(api.campaigns),
    ]


class KnownKeys:
    """Keys that were good a moment ago are not looked up again; one that is revoked is good for a second, or
    for ten minutes while the disk cannot be read."""

    def __init__(self, verify: Callable[[str], frozenset[str] | None], clock: Callable[[], float]) -> None:
        self._verify = verify
        self._clock = clock
        self._held: dict[str, tuple[float, frozenset[str]]] = {}
        self._looked_up: dict[str, asyncio.Task[frozenset[str] | None]] = {}

    async def scopes(self, token: str) -> frozenset[str] | None:
        """Those of the key; None for one that nobody was given."""
        until, held = self._held.get(token, (-BLIND_SECONDS, frozenset[str]()))
        if self._clock() < until:
            return held
        # Of the hundreds of requests of a second many would come while the first looks.
        if token not in self._looked_up:
            looking = self._looked_up[token] = asyncio.create_task(self._look_up(token))
            looking.add_done_callback(lambda done: (self._looked_up.pop(token), done.exception()))
        return await asyncio.shield(self._looked_up[token])

    async def _look_up(self, token: str) -> frozenset[str] | None:
        now = self._clock()
        until, held = self._held.get(token, (-BLIND_SECONDS, frozenset[str]()))
        try:
            found = await run_in_threadpool(self._verify, token)
        except (StorageError, ShopError):
            if now >= until - KEY_SECONDS + BLIND_SECONDS:
                raise
            return held
        self._held.pop(token, None)
        if found is not None:
            if len(self._held) >= MOST_KEYS:
                self._held.clear()
            self._held[token] = now + KEY_SECONDS, found
        return found

    async def allow(self, authorization: str, scopes: frozenset[str]) -> None:
        """Nothing where the header names a key with one of ``scopes``, or with ``admin``.

        Raises:
            Unauthorized: no key, or one that nobody was given. Forbidden: one without the scope.
        """
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized("no key; send the header Authorization: Bearer KEY")
        held = await self.scopes(token.strip())
        if held is None:
            raise Unauthorized("this key is not known; make one with: penchant keys create")
        if "admin" not in held and not held & scopes:
            raise Forbidden(f"this key lacks the scope {' or '.join(sorted(scopes | {'admin'}))}")


def guarded(known: KnownKeys, scopes: frozenset[str], handler: Handler) -> Callable[..., Any]:
    """The handler behind its scope, its result as JSON, its errors through the one table."""

    async def endpoint(request: Request) -> Response:
        try:
            await known.allow(request.headers.get("authorization", ""), scopes)
            return Response(REPLY.encode(await handler(request)), media_type="application/json")
        except PenchantError as error:
            note_fault(request.scope, error)
            return respond(error)

    return endpoint


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


def api_routes(api: Api, known: KnownKeys) -> list[Route]:
    """All of ``/v1``, ready to be put into an application."""
    return [
        IdRoute(path, guarded(known, scopes, handler), methods=[method])
        for method, path, scopes, handler in routes(api)
    ]


async def http_error(_: Request, error: Exception) -> Response:
    """:func:`http_response`, as an application calls it."""
    return http_response(error)


def http_response(error: Exception) -> Response:
    """Unknown routes, wrong methods and the like, in the one form."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = HTTP_ERRORS.get(status, ("http-error", "not possible on this route"))
    return error_response(status, code, message)
