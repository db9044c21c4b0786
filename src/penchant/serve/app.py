"""The whole door as one application: the API, its description, health, the console, and the watch."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from penchant.serve.console.routes import console_routes
from penchant.serve.describe import description
from penchant.serve.http import api_routes, health_routes, http_error
from penchant.serve.load import Bounded
from penchant.serve.services import Services
from penchant.serve.watch import Metrics, Watched


def create_app(services: Services, now: Callable[[], float], log: TextIO | None = None) -> Starlette:
    """One ASGI application. ``now`` is unix seconds; ``log`` takes one JSON line a request (stderr)."""

    @asynccontextmanager
    async def warmed(_: Starlette) -> AsyncGenerator[None]:
        await run_in_threadpool(services.warm)
        yield

    metrics = Metrics()
    found: list[BaseRoute] = [
        Route("/openapi.json", described),
        *api_routes(services, metrics),
        *health_routes(services, metrics),
        *console_routes(services),
    ]
    app = Starlette(routes=found, lifespan=warmed)
    app.router.redirect_slashes = False
    app.add_exception_handler(HTTPException, http_error)
    app.add_middleware(Bounded, most=services.settings.serve.waiting)
    app.add_middleware(
        Watched,
        metrics=metrics,
        templates=_templates(app.router.routes),
        clock=time.perf_counter,
        now=now,
        log=log,
    )
    return app


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
