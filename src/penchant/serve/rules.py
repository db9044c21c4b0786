"""Routes of the rules of the house under ``/v1/rules``, for admins."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from penchant.errors import InvalidInput
from penchant.recommend.rules.book import LONGEST
from penchant.serve.limits import read_json
from penchant.serve.rule_services import RuleServices
from penchant.settings import ServeSettings

MOST_VERSION = 2**31


class RuleRoutes:
    """Each turns a request into one call of :class:`RuleServices`. The key says who changed something."""

    def __init__(self, rules: RuleServices, limits: ServeSettings) -> None:
        self._rules = rules
        self._limits = limits

    async def get(self, request: Request) -> Any:
        del request
        return await run_in_threadpool(self._rules.rules)

    async def put(self, request: Request) -> Any:
        body = await self._body(request)
        call = self._rules.save_rules
        return await run_in_threadpool(
            call, document_in(body), author_of(request), note_in(body), seen_in(body)
        )

    async def rollback(self, request: Request) -> Any:
        body = await self._body(request)
        version = number_in(body, "version")
        if version is None:
            raise InvalidInput("the body must name the version to bring back, a whole number from 1")
        call = self._rules.rollback_rules
        return await run_in_threadpool(call, version, author_of(request), note_in(body), seen_in(body))

    async def dry_run(self, request: Request) -> Any:
        return await run_in_threadpool(self._rules.try_rules, document_in(await self._body(request)))

    async def _body(self, request: Request) -> dict[str, Any]:
        body = await read_json(request, self._limits)
        if not isinstance(body, dict):
            raise InvalidInput("the body must be one JSON object")
        return body


def author_of(request: Request) -> str:
    """Name of the request's key."""
    return key_name(request.headers.get("authorization", "").partition(" ")[2].strip())


def key_name(token: str) -> str:
    """The id of a key, which ``penchant keys list`` shows; its secret is left out.

    >>> key_name("pk_1a2b3c4d_secret")
    'key 1a2b3c4d'
    """
    return f"key {token.split('_')[1]}" if token.count("_") > 1 else "key"


def document_in(body: dict[str, Any]) -> bytes:
    """The rules of a body. Raises InvalidInput where there are none."""
    document = body.get("document")
    if not isinstance(document, dict):
        raise InvalidInput('the body must have "document", an object of nodes and edges (JDM)')
    return msgspec.json.encode(document)


def note_in(body: dict[str, Any]) -> str:
    """Why something is changed, empty where nobody says."""
    note = body.get("note", "")
    if not isinstance(note, str) or len(note) > LONGEST:
        raise InvalidInput(f"note must be a text of at most {LONGEST} characters")
    return note


def seen_in(body: dict[str, Any]) -> int | None:
    """The version that the author saw."""
    return number_in(body, "expected")


def number_in(body: dict[str, Any], name: str) -> int | None:
    """The number of a version, or of steps, in a body; None where there is none."""
    number = body.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < MOST_VERSION:
        raise InvalidInput(f"{name} must be a whole number from 0 to {MOST_VERSION - 1}")
    return number


def rule_routes(
    rules: RuleRoutes,
) -> list[tuple[str, str, frozenset[str], Callable[[Request], Awaitable[Any]]]]:
    """Method, path, scopes and handler, as :func:`penchant.serve.http.routes` has them."""
    admin = frozenset[str]()
    return [
        ("GET", "/v1/rules", admin, rules.get),
        ("PUT", "/v1/rules", admin, rules.put),
        ("POST", "/v1/rules/rollback", admin, rules.rollback),
        ("POST", "/v1/rules/dry-run", admin, rules.dry_run),
    ]
