"""A process of a server that does not write: it answers for its people, and the first one takes its lists."""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from penchant.app.crew import PATIENCE, Crew, Post
from penchant.app.engine import Engine
from penchant.app.guests import guest_joined
from penchant.app.others import packed
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.catalog.catalog import Catalog
from penchant.serve.app import create_app
from penchant.serve.frames import PIECE
from penchant.serve.relay import Calls, Line
from penchant.serve.run import run
from penchant.types import Impression, Pseudonym

UP_SECONDS: Final = 60.0
"""For the first process to hear that another one is up: an erasure may be under way."""

_lists = msgspec.msgpack.Decoder(list[Impression])


class SentOn:
    """Hands shown lists to the first process; an :class:`~penchant.recommend.impressions.ImpressionStore`.

    They wait there for the disk like its own: what it has taken is as safe as in a server of one process.
    """

    def __init__(self, first: Line) -> None:
        self._first = first

    def append(self, impressions: Sequence[Impression]) -> None:
        part, size = list[msgspec.Raw](), 0
        for impression in impressions:
            part.append(msgspec.Raw(msgspec.msgpack.encode(impression)))
            size += len(bytes(part[-1]))
            if size >= PIECE:
                self._send(part)
                part, size = [], 0
        if part:
            self._send(part)

    def _send(self, part: list[msgspec.Raw]) -> None:
        self._first.call("shown", msgspec.msgpack.encode(part), PATIENCE)


def calls_of_first(engine: Engine, crew: Crew) -> Calls:
    """What the other processes may ask of the one that writes."""

    def shown(given: bytes) -> None:
        for impression in _lists.decode(given):
            engine.writer.put(impression)

    def up(number: int) -> None:
        with engine.lock:  # Whatever is told to all is told before or after it, as a whole.
            crew.up(number)

    return {"shown": shown, "up": _called(up)}


def calls_of_reader(engine: Engine, catalog: Catalog) -> Calls:
    """What the first process may ask of another: see :meth:`penchant.app.others.Others.tell`."""

    def erase(name: str, person: Pseudonym) -> int:
        return sum(cache.erase_person(person) for cache in engine.caches() if cache.erasable_name == name)

    def export(name: str, person: Pseudonym) -> list[dict[str, Any]]:
        caches = [cache for cache in engine.caches() if cache.erasable_name == name]
        return [record for cache in caches for record in cache.export_person(person)]

    def items_came(item_ids: list[str]) -> None:
        catalog.heard(item_ids)
        engine.read_catalogue()

    return {
        "let-go": _called(engine.let_go),
        "consent-comes": _called(engine.consent_comes),
        "consent-came": _called(engine.consent_came),
        "erase": _called(erase),
        "export": _called(export),
        "guest-joined": _called(partial(guest_joined, engine)),
        "gone": _called(engine.gone),
        "look": _called(lambda: True),
        "items-came": _called(items_came),
        "items-left": _called(catalog.heard),
        "rules-came": _called(engine.ruling.follow),
    }


def _called(does: Callable[..., Any]) -> Callable[[bytes], Any]:
    return lambda given: does(*msgspec.msgpack.decode(given))


def serve_at(post: Post, folder: Path) -> None:
    """Serve the shop in ``folder`` at one's post until a signal, or until the first process is no more."""
    end_with(post.socket(0))
    first = Line(post.socket(0), post.most)
    with Shop(folder, writer=False) as shop, socket.socket(fileno=post.door) as door:
        serving = Serving(shop, impressions=SentOn(Line(post.socket(0), post.most)))
        app = create_app(serving, shop.clock, within=post.within(shop.settings.serve.max_body))
        post.join(app, calls_of_reader(serving.engine, shop.catalog))
        run(app, door, lambda: first.call("up", packed([post.number]), UP_SECONDS), serving.close)


def end_with(first: Path) -> None:
    """End this process at once when the one that answers at ``first`` is no more."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(first))
    threading.Thread(target=_end_after, args=(line,), name="first process", daemon=True).start()


def _end_after(line: socket.socket) -> None:
    while line.recv(1):
        pass
    # Nobody could take its lists, and what it holds could be of somebody who is erased in a moment.
    os._exit(1)
