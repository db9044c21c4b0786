"""Who is signed in: opaque random sessions in memory, gone when the process ends."""

import secrets
from collections.abc import Callable
from threading import Lock

import msgspec

LIFETIME = 8 * 3600.0
"""Seconds without a request after which a session ends."""

MAX_SESSIONS = 256
"""Sessions held at once; one more ends the one that has waited longest."""

Clock = Callable[[], float]


class Session(msgspec.Struct, frozen=True):
    """``csrf`` must come back in a header of every post; ``expires`` is in seconds of the clock; ``who``:
    what was signed in with, a key's id or the address that ``penchant serve`` prints."""

    csrf: str
    expires: float
    who: str = ""


class Sessions:
    """Sessions by their cookie. Safe to use from several threads.

    >>> now = [0.0]
    >>> sessions = Sessions(lambda: now[0])
    >>> cookie = sessions.open()
    >>> sessions.find(cookie) is not None
    True
    >>> now[0] = LIFETIME + 1
    >>> sessions.find(cookie) is None
    True
    """

    def __init__(self, clock: Clock, lifetime: float = LIFETIME) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._open: dict[str, Session] = {}
        self._lock = Lock()

    def open(self, who: str = "") -> str:
        """Start a session; returns its cookie, 256 random bits."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._open) >= MAX_SESSIONS:
                del self._open[next(iter(self._open))]
            self._open[cookie] = Session(secrets.token_urlsafe(32), self._clock() + self._lifetime, who)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The live session of this cookie, its end moved on; None if unknown or over."""
        with self._lock:
            session = self._open.pop(cookie, None)
            if session is None or session.expires < self._clock():
                return None
            # Put back last, so that the first one is always the one that waited longest.
            self._open[cookie] = Session(session.csrf, self._clock() + self._lifetime, session.who)
            return session

    def close(self, cookie: str) -> None:
        """End a session; an unknown cookie changes nothing."""
        with self._lock:
            self._open.pop(cookie, None)


class OneTimeToken:
    """The token in the address that ``penchant serve`` prints. It opens one session, then never again.

    >>> token = OneTimeToken("secret")
    >>> token.spend("guess"), token.spend("secret"), token.spend("secret")
    (False, True, False)
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._lock = Lock()

    def spend(self, offered: str) -> bool:
        """True once, for the right token."""
        with self._lock:
            right = bool(self._token) and secrets.compare_digest(offered.encode(), str(self._token).encode())
            if right:
                self._token = None
            return right
