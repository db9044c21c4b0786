"""What a connection may send before it is a request: a head of bounded size, and all of it within a time.
What is asked most often is answered here.

Uvicorn waits for a request for ever and keeps a head of any length; a few hundred clients that say little
and never finish would hold as many connections, and one that never ends its head all memory.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from penchant.serve.errors import as_sent, error_response, respond
from penchant.serve.load import PAUSE, Load, overloaded
from penchant.serve.short import Asked, Short
from penchant.serve.watch import API_HEADERS

MOST_HEAD = 64 * 1024
"""Bytes of a request's line and headers."""
SECONDS = 60.0
"""Within which a request must have come in whole."""


class Doorkeeper:
    """Turns away what is too much for a ``load``; ``count`` hears the method of each. ``short`` answers what
    is asked most often; None where the application answers all."""

    def __init__(self, load: Load, count: Callable[[str], None], short: Short | None = None) -> None:
        self.load = load
        self.count = count
        self.short = short
        self.answer = as_sent(respond(overloaded(load)), API_HEADERS)


class _Nobody:
    """Waits for nothing; stands where uvicorn tells the application that more of a body is there."""

    def set(self) -> None: ...


class _Cycle:
    """What uvicorn must know of a request that is answered here: what comes behind it waits."""

    message_event = _Nobody()

    def __init__(self, asked: Asked, end: Callable[[], None]) -> None:
        """``end`` says that nobody answers it any more."""
        self.asked, self.end = asked, end
        self.response_started = self.response_complete = self.disconnected = False
        self.keep_alive = True


class Bounds(HttpToolsProtocol):
    """Uvicorn's protocol with both bounds. A request that comes in one piece, as most do, costs no timer.

    With a ``keeper`` a request to ``/v1`` that is too much is answered here: at three times what a server
    can answer, what it told the others left no time to answer anybody.
    """

    seconds = SECONDS
    keeper: Doorkeeper | None = None

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head, self._in_head, self._under_way, self._done = 0, True, False, 0
        self._timer: TimerHandle | None = None
        self._away, self._turned_away, self._stays = 0, False, True
        self._short: _Cycle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        if self._short is not None and self._under_way:  # Its body will never be there.
            self._short.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        done = self._done
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._done == done:
            self._head += len(data)
        if self._head > MOST_HEAD:
            self._refuse_head()
            return
        if self._done != done:
            self._rest()
        if self._under_way or self._done == done:
            self._watch()

    def on_message_begin(self) -> None:
        self._under_way, self._in_head, self._head = True, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD:
            self._refuse_head()
        if self.transport.is_closing():
            return
        self._turned_away = self._too_much()
        self._short = None if self._turned_away else self._taken_here()
        if self._short is not None:
            self.cycle = cast(Any, self._short)
        elif not self._turned_away:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._short is not None:
            self._short.asked.body += body
        elif not self._turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._under_way, self._in_head, self._head, self._done = False, True, 0, self._done + 1
        if self.transport.is_closing():
            return
        if self._turned_away:
            self._turn_away()
        elif self._short is not None:
            task = self.loop.create_task(self._answer_here(self._short))
            self.tasks.add(task)  # Who shuts down waits for these.
            task.add_done_callback(self.tasks.discard)
        else:
            super().on_message_complete()

    def _too_much(self) -> bool:
        """Whether the request is turned away here. One behind another that is being answered must wait for
        its turn, and one behind another that is turned away goes with it. HEAD has an answer without a body,
        and who asks before the body is sent must be told then: the application does that."""
        if self._away:
            return True
        if self.keeper is None or self.expect_100_continue or not self.url.startswith(b"/v1/"):
            return False
        method = self._method()
        return method != "HEAD" and not self._answering() and self.keeper.load.full(method)

    def _answering(self) -> bool:
        """Whether the request before is being answered still."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request.
        return cycle is not None and not cycle.response_complete

    def _taken_here(self) -> _Cycle | None:
        """The request, where it need not become one of the application. One behind another waits there."""
        if self.keeper is None or self.keeper.short is None or self._answering():
            return None
        parser = cast(Any, self.parser)
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive():
            return None
        asked = self.keeper.short.takes(self._method(), self.url, self.headers)
        return None if asked is None else _Cycle(asked, self.keeper.load.begin(asked.method))

    async def _answer_here(self, cycle: _Cycle) -> None:
        try:
            answer = await cast(Any, self.keeper).short.answer(cycle.asked)
        except BaseException:  # Whoever waits must see that nothing comes.
            self.transport.close()
            raise
        finally:
            cycle.end()
        if self.flow.write_paused:  # Who does not read is answered no further.
            await self.flow.drain()
        cycle.response_started = cycle.response_complete = True
        if self.transport.is_closing():
            return
        line, _, rest = answer.partition(b"\r\n")
        more = [b"%b: %b\r\n" % one for one in self.server_state.default_headers]
        if not cycle.keep_alive:  # The server is shutting down.
            more.append(b"connection: close\r\n")
        self.transport.write(b"".join([line, b"\r\n", *more, rest]))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _method(self) -> str:
        return cast(Any, self.parser).get_method().decode("ascii")

    def _turn_away(self) -> None:
        if self.keeper is not None:
            self.keeper.count(self._method())
        self._away += 1
        self._stays = self._stays and cast(Any, self.parser).should_keep_alive()
        if self._away == 1:
            self.flow.pause_reading()
            # Who asks again at once would else keep the others from being answered.
            self.loop.call_later(PAUSE, self._tell_away)

    def _tell_away(self) -> None:
        if self.transport.is_closing() or self.keeper is None:
            return
        self.transport.write(self.keeper.answer * self._away)
        self._away = 0
        if not self._stays:
            self.transport.close()
        self.on_response_complete()

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._too_slow)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request.
        told = cycle is not None and (
            cycle.response_started if not self._in_head else not cycle.response_complete
        )
        if told:  # It was answered, or the one before it is being answered.
            self.transport.close()
        else:
            self._refuse(408, "too-slow", f"the request did not come in whole within {self.seconds:g} s")

    def _refuse_head(self) -> None:
        self._refuse(431, "head-too-large", f"at most {MOST_HEAD} bytes of headers are read")

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = bytes(error_response(status, code, message).body)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def guarded_by(keeper: Doorkeeper) -> type[Bounds]:
    """The protocol of a server whose requests are turned away by ``keeper``."""
    return type("GuardedBounds", (Bounds,), {"keeper": keeper})
