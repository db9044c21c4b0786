"""Runs the door: one process, one loop, a clean end on SIGTERM and SIGINT."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from penchant.serve.http import create_app
from penchant.serve.services import Services
from penchant.settings import Settings


def run(services: Services, settings: Settings, port: int, on_ready: Callable[[], None]) -> None:
    """Serve until a signal; requests under way are answered first, for up to ten seconds.

    ``on_ready`` is called when start-up is done, just before the port opens. Closing the stores is the
    caller's part, after this returns.
    """
    app = create_app(services, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        on_ready()
        yield

    app.router.lifespan_context = lifespan
    config = uvicorn.Config(
        app,
        host=settings.serve.host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run()
