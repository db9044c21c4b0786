"""The whole door as one application: the API, its description, health, the console, and the watch."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TextIO

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from penchant.serve.console.routes import console_routes
from penchant.serve.describe import description
from penchant.serve.http import Api, KnownKeys, api_routes, health_routes, http_error
from penchant.serve.load import PAUSE, Bounded, Load
from penchant.serve.services import Services
from penchant.serve.short import Short
from penchant.serve.watch import METHODS, Metrics, Notes, Watched
from penchant.serve.why import why_route
from penchant.serve.wire import Doorkeeper


def create_app(
    services: Services,
    now: Callable[[], float],
    log: TextIO | None = None,
    within: Sequence[Middleware] = (),
) -> Starlette:
    """One ASGI application. ``now`` is unix seconds; ``log`` takes one JSON line a request (stderr).

    ``within``, the first innermost, see what was neither refused nor is logged yet.
    """

    @asynccontextmanager
    async def warmed(_: Starlette) -> AsyncGenerator[None]:
        await run_in_threadpool(services.warm)
        yield

    metrics, known = Metrics(), KnownKeys(services.verify, time.monotonic)
    api, notes = Api(services, metrics), Notes(metrics, time.perf_counter, now, log)
    found: list[BaseRoute] = [
        Route("/openapi.json", described),
        why_route(),
        *api_routes(api, known),
        *health_routes(services, metrics),
        *console_routes(services),
    ]
    app = Starlette(routes=found, lifespan=warmed)
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, http_error)
    for one in within:
        app.add_middleware(one.cls, *one.args, **one.kwargs)
    load = Load(services.settings.serve.waiting)
    app.add_middleware(Bounded, load=load)
    # The wire turns most of what is too much away before it is a request of this application, and answers
    # what is asked most often itself where nothing stands between.
    short = None if within else Short(api, known, notes)
    app.state.door = Doorkeeper(load, partial(_count_refused, metrics), short)
    app.add_middleware(Watched, notes=notes, templates=_templates(app.router.routes))
    return app


def _count_refused(metrics: Metrics, method: str) -> None:
    metrics.request(method if method in METHODS else "other", "refused", 429, PAUSE)


async def described(_: Request) -> Response:
    """The OpenAPI document."""
    return Response(msgspec.json.encode(description()), media_type="application/json")


def _templates(routes: list[BaseRoute]) -> dict[object, str]:
    """The path template of each endpoint, as the log and the counters name it."""
    return {
        (route.endpoint if isinstance(route, Route) else route.app): route.path
        for route in routes
        if isinstance(route, (Route, Mount))
    }
