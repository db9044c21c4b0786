"""Routes of the console, for ``serve`` to put into its application."""

import time
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from penchant.errors import NotFound, PenchantError
from penchant.serve.console import actions, decisions, learning, pages, rules, trends
from penchant.serve.console.desk import STATIC, Desk, headers, page, static_version, templates
from penchant.serve.console.guard import (
    COOKIE,
    Endpoint,
    check_origin,
    guarded,
    posted,
    read_body,
    session_of,
)
from penchant.serve.console.sessions import Clock, OneTimeToken, Sessions
from penchant.serve.errors import status_of
from penchant.serve.rules import key_name
from penchant.serve.services import Services

REPORTS = ("quality", "evaluation", "learning", "experiment")


def console_routes(services: Services, *, clock: Clock = time.monotonic) -> list[Route | Mount]:
    """Everything under ``/console``. ``clock``, in seconds, ends sessions."""
    desk = Desk(
        services=services,
        sessions=Sessions(clock),
        token=OneTimeToken(services.console_token),
        templates=templates(),
        version=static_version(),
    )
    view, act = partial(guarded, desk), partial(posted, desk)
    one = "/console/people/{person}"
    return [
        Route("/console", _front(desk, view(pages.overview))),
        Route("/console/sign-in", partial(_form, desk), methods=["GET"]),
        Route("/console/sign-in", partial(_sign_in, desk), methods=["POST"]),
        Route("/console/sign-out", act(_sign_out), methods=["POST"]),
        Route("/console/people", view(pages.people)),
        Route(one, view(pages.person)),
        Route(f"{one}/now", view(pages.person_now)),
        Route(f"{one}/export", view(pages.export)),
        Route(f"{one}/events", act(actions.add_event), methods=["POST"]),
        Route(f"{one}/taste", act(actions.correct_taste), methods=["POST"]),
        Route(f"{one}/consent", act(actions.set_consent), methods=["POST"]),
        Route(f"{one}/erase", act(actions.erase), methods=["POST"]),
        Route("/console/items", view(pages.items)),
        Route("/console/trends", view(trends.trends)),
        Route("/console/learning", view(learning.learning)),
        Route("/console/learning/rollback", act(learning.rollback), methods=["POST"]),
        Route("/console/rules", view(rules.rules)),
        *(
            Route(f"/console/rules/{name}", act(action, most=rules.LARGEST), methods=["POST"])
            for name, action in rules.ACTIONS.items()
        ),
        Route("/console/decisions", view(decisions.decisions)),
        *(
            Route(f"/console/decisions/{name}", act(action), methods=["POST"])
            for name, action in decisions.ACTIONS.items()
        ),
        Route("/console/reports/{name}", view(_known(pages.report))),
        Route("/console/reports/{name}/frame", view(_known(pages.report_frame))),
        Mount("/console/static", StaticFiles(directory=STATIC)),
        # Last: people who mistype an address are given a page, not JSON.
        Route("/console/{rest:path}", view(pages.nowhere)),
    ]


def _known(view: Callable[..., Response]) -> Callable[..., Response]:
    def checked(desk: Desk, request: Request, session: object) -> Response:
        if request.path_params["name"] not in REPORTS:
            raise NotFound(f"there is no such report; there are {', '.join(REPORTS)}")
        return view(desk, request, session)

    return checked


def _front(desk: Desk, overview: Endpoint) -> Endpoint:
    """The overview; an address with the one-time token signs in first, and loses it from the address bar."""

    async def endpoint(request: Request) -> Response:
        offered = request.query_params.get("token")
        if offered is None or request.method != "GET":
            return await overview(request)
        if desk.token.spend(offered):
            return _let_in(desk, request, "one-time address")
        if session_of(desk, request) is not None:
            return RedirectResponse("/console", 303, headers("default-src 'none'"))
        told = "That address was used already or is not valid. Sign in with an admin key."
        return page(desk, request, "signin.html", status=401, told=told)

    return endpoint


async def _form(desk: Desk, request: Request) -> Response:
    return page(desk, request, "signin.html", told="")


async def _sign_in(desk: Desk, request: Request) -> Response:
    try:
        check_origin(request)
        fields = parse_qs((await read_body(request)).decode("utf-8", "replace"))
    except (PenchantError, ValueError) as error:
        status = status_of(error) if isinstance(error, PenchantError) else 400
        return page(desk, request, "signin.html", status=status, told=str(error))
    key = fields.get("key", [""])[0].strip()
    scopes = desk.services.verify(key)
    if not scopes or "admin" not in scopes:
        told = "That is not an admin key of this shop."
        return page(desk, request, "signin.html", status=401, told=told)
    return _let_in(desk, request, key_name(key))


def _let_in(desk: Desk, request: Request, who: str) -> Response:
    answer = RedirectResponse("/console", 303, headers("default-src 'none'"))
    answer.set_cookie(
        COOKIE,
        desk.sessions.open(who),
        path="/console",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


def _sign_out(desk: Desk, request: Request, body: dict[str, object]) -> Response:  # noqa: ARG001 (every action has it)
    desk.sessions.close(request.cookies.get(COOKIE, ""))
    answer = actions.json({"signed_out": True})
    answer.delete_cookie(COOKIE, path="/console")
    return answer
