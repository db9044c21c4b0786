"""API keys: made once, shown once, kept as a hash, compared in constant time."""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

import msgspec

from penchant.errors import InvalidInput, NotFound

SCOPES = ("events", "read", "admin")
"""``events`` may write events, ``read`` may ask for lists, ``admin`` may do everything."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key. Its secret is random, so a plain SHA-256 of it is enough."""

    id: str
    digest: bytes
    scopes: frozenset[str]
    created: float
    revoked: float | None = None


class KeyStore(Protocol):
    """Where keys are kept."""

    def add(self, key: ApiKey) -> None: ...

    def all(self) -> list[ApiKey]: ...

    def get(self, key_id: str) -> ApiKey | None: ...

    def revoke(self, key_id: str, now: float) -> bool:
        """Whether there was such a key that was not revoked before."""
        ...


class Keys:
    """Makes, checks and revokes keys of the form ``pk_<id>_<secret>``."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    def create(self, scopes: Iterable[str], now: float) -> str:
        """A new key; only this once is it seen in full.

        Raises:
            InvalidInput: no scope, or one that does not exist.
        """
        wanted = frozenset(scopes)
        if not wanted:
            raise InvalidInput(f"a key needs a scope: say --scope and one of {', '.join(SCOPES)}")
        if not wanted <= set(SCOPES):
            raise InvalidInput(f"unknown scope {sorted(wanted)}: choose among {', '.join(SCOPES)}")
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(24)
        self._store.add(ApiKey(id=key_id, digest=_digest(secret), scopes=wanted, created=now))
        return f"pk_{key_id}_{secret}"

    def verify(self, token: str) -> frozenset[str] | None:
        """Scopes of a valid key; None for any other text."""
        prefix, _, rest = token.partition("_")
        key_id, _, secret = rest.partition("_")
        key = self._store.get(key_id) if prefix == "pk" else None
        # Compare even where there is no such key, so that the time tells nothing.
        expected = key.digest if key is not None else _digest("")
        same = hmac.compare_digest(expected, _digest(secret))
        return key.scopes if key is not None and same and key.revoked is None else None

    def listed(self) -> list[ApiKey]:
        """All keys, oldest first."""
        return self._store.all()

    def revoke(self, key_id: str, now: float) -> None:
        """From now on the key opens nothing.

        Raises:
            NotFound: no valid key of that id.
        """
        if not self._store.revoke(key_id, now):
            raise NotFound(f"no valid key {key_id!r}; `penchant keys list` shows them")


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
