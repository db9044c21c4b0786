"""User ids become pseudonyms at the door: a keyed hash that nobody can undo without the shop's key."""

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from penchant.errors import ShopError
from penchant.types import Pseudonym

KEY_BYTES = 32
_CACHE = 1_000_000


class Pseudonymizer:
    """BLAKE2b with a key, 128 bits, as 32 hexadecimal digits.

    >>> hide = Pseudonymizer(bytes(32))
    >>> hide.pseudonym("anna") == hide.pseudonym("anna"), len(hide.pseudonym("anna"))
    (True, 32)
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ShopError(f"the pseudonym key must have {KEY_BYTES} bytes, this one has {len(key)}")
        self._key = key
        self._known: dict[str, Pseudonym] = {}

    def pseudonym(self, user_id: str) -> Pseudonym:
        """The person behind ``user_id``, as the inside of the house knows them."""
        found = self._known.get(user_id)
        if found is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            raw = user_id.encode("utf-8", "surrogatepass")
            found = Pseudonym(blake2b(raw, key=self._key, digest_size=16).hexdigest())
            self._known[user_id] = found
        return found

    def pseudonyms(self, user_ids: list[str]) -> list[Pseudonym]:
        """One for each id, in order."""
        return [self.pseudonym(user_id) for user_id in user_ids]

    def forget(self) -> None:
        """Drop the cache of ids in memory: part of an erasure."""
        self._known.clear()


def make_key(path: Path) -> None:
    """Write a new random key, readable by its owner only.

    Raises:
        ShopError: there is a key already; a new one would make everybody a stranger.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ShopError(f"{path.name} exists already and is kept") from error
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(KEY_BYTES).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path) -> bytes:
    """The key at ``path``.

    Raises:
        ShopError: missing or damaged; without it nobody in the log can be found again.
    """
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ShopError(
            f"the pseudonym key {path.name} cannot be read ({error}). Bring it back from your backup."
        ) from error
