"""Where approved prices go: a folder of files, or a webhook."""

import hmac
import http.client
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from penchant.decide.sending import Letter
from penchant.errors import SettingsError, StorageError, Unreachable
from penchant.model.folders import write_file

PAUSES: Final = (0.5, 2.0)
"""Seconds before a letter is sent again, where the receiver did not answer or asked for patience."""
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK: Final = range(200, 300)


class FolderOutlet:
    """:class:`~penchant.decide.sending.Outlet`: JSON lines, one file a batch, whole or not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        """The file is named by what is in it: the same batch, sent again, is the same file."""
        data = b"".join(msgspec.json.encode(letter) + b"\n" for letter in letters)
        name = f"prices-{letters[0].time:.0f}-{sha256(data).hexdigest()[:16]}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_file(self._folder / name, data)
        except OSError as error:
            raise StorageError(f"approved prices cannot be written to {self._folder}: {error}") from error
        yield from letters


class WebhookOutlet:
    """:class:`~penchant.decide.sending.Outlet`: a POST of JSON for each price.

    ``Idempotency-Key`` is the letter's id. ``Penchant-Signature`` is ``t=TIME,v1=HEX``: HMAC-SHA256 by the
    secret over ``TIME.BODY``. No redirect is followed: the address is the one that the settings name.
    """

    def __init__(
        self,
        address: str,
        secret: bytes,
        *,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = urlsplit(address)
        self._secret = secret
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep

    def deliver(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        """One by one; one that is refused keeps back those of its item alone, whose order must stand."""
        refused, held = "", set[str]()
        for letter in letters:
            if letter.item_id in held:
                continue
            status = self._sent(letter)
            if status in _OK:
                yield letter
            else:
                held.add(letter.item_id)
                refused = f"the webhook answered {status} to {letter.item_id!r}"
        if refused:
            raise Unreachable(refused)

    def _sent(self, letter: Letter) -> int:
        """Status of the answer; of the last one where it was tried several times."""
        for pause in (*PAUSES, None):
            try:
                status = self._post(letter)
            except (OSError, http.client.HTTPException) as error:
                if pause is None:
                    raise Unreachable(f"the webhook does not answer: {type(error).__name__}") from error
            except ValueError as error:  # An address that no host can have.
                raise Unreachable(f"the webhook has no good address: {type(error).__name__}") from error
            else:
                if status not in _AGAIN:
                    return status
                if pause is None:  # The others would wait as long, each.
                    raise Unreachable(f"the webhook answers {status}")
            self._sleep(pause)
        raise Unreachable("the webhook does not answer")

    def _post(self, letter: Letter) -> int:
        body = msgspec.json.encode(letter)
        connection = self._connection()
        path = (self._address.path or "/") + (f"?{self._address.query}" if self._address.query else "")
        try:
            connection.request("POST", path, body, {
                "content-type": "application/json",
                "idempotency-key": letter.id,
                "penchant-signature": signature(self._secret, body, self._clock()),
            })  # fmt: skip
            return connection.getresponse().status
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def signature(secret: bytes, body: bytes, now: float) -> str:
    """What proves that a body came from who knows the secret, at a time in unix seconds.

    >>> signature(b"s", b"{}", 1.5)
    't=1,v1=b253639bcd705ed1cda3073f66104f16988bd40272584dea7d0d345ae93e61cc'
    """
    at = f"{int(now)}"
    return f"t={at},v1={hmac.new(secret, at.encode() + b'.' + body, sha256).hexdigest()}"


def read_secret(path: Path) -> bytes:
    """A secret of at least 16 characters, without the end of its line.

    Raises:
        SettingsError: there is none.
    """
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"decisions.secret: {path} cannot be read: {error.strerror}") from error
    if len(secret) < 16:
        raise SettingsError(f"decisions.secret: {path} must hold at least 16 characters")
    return secret
