"""Questions to somebody new: ``GET`` and ``POST /v1/onboarding``."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from penchant.errors import InvalidInput
from penchant.serve.limits import Change, check_id, count, excluded, read_json
from penchant.settings import ServeSettings

FEW = 5
"""Questions where nobody says how many."""

_FORM = 'the body must be {"user_id": text, "item_id": text, "likes": true or false}'


class OnboardingServices(Protocol):
    """What the door asks about somebody new."""

    def questions(self, user_id: str | None, size: int, exclude: Sequence[str] = ()) -> dict[str, Any]:
        """``questions``: up to ``size`` items to ask about, the one that tells most first, each with
        ``item_id``, ``title`` and ``category``; ``answered``: how many answers of the person count.

        They adapt to what the person answered; who opted out of profiling is asked what anybody is asked.
        Nothing is asked of the kinds of items in ``exclude``, or that the person never wants to see.
        """
        ...

    def answer(self, user_id: str, item_id: str, likes: bool) -> dict[str, Any]:
        """Take an answer; the next list follows it. Gives :meth:`questions` with the next one, which
        is another one for who opted out, too.

        Raises NotFound for an item that is not in the catalogue.
        """
        ...


class OnboardingRoutes:
    """Each turns a request into one call."""

    def __init__(self, services: OnboardingServices, limits: ServeSettings, change: Change) -> None:
        """``change`` does what may wait for the disk."""
        self._change = change
        self._services = services
        self._limits = limits

    async def questions(self, request: Request) -> Any:
        user = request.query_params.get("user_id")
        user = check_id(user, "user_id", self._limits.max_id) if user else None
        size, past = count(request.query_params, FEW), excluded(request.query_params, self._limits.max_id)
        return await run_in_threadpool(self._services.questions, user, size, past)

    async def answer(self, request: Request) -> Any:
        body = await read_json(request, self._limits)
        if not isinstance(body, dict) or set(body) != {"user_id", "item_id", "likes"}:
            raise InvalidInput(_FORM)
        user, item, likes = body["user_id"], body["item_id"], body["likes"]
        if not isinstance(user, str) or not isinstance(item, str) or not isinstance(likes, bool):
            raise InvalidInput(_FORM)
        user, item = (check_id(one, "id", self._limits.max_id) for one in (user, item))
        return await self._change(self._services.answer, user, item, likes)


def onboarding_routes(
    onboarding: OnboardingRoutes,
) -> list[tuple[str, str, frozenset[str], Callable[[Request], Awaitable[Any]]]]:
    """Method, path, scopes and handler, as :func:`penchant.serve.http.routes` has them."""
    return [
        ("GET", "/v1/onboarding", frozenset({"read"}), onboarding.questions),
        ("POST", "/v1/onboarding", frozenset({"events"}), onboarding.answer),
    ]
