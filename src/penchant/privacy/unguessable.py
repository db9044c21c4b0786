"""Names that were said to nobody before and cannot be guessed."""

import os
from threading import Lock

_BYTES, _AT_ONCE = 16, 256


class Unguessable:
    """Random names of 32 hexadecimal digits, as good as ``uuid4`` without two of the system's calls a list:
    the system is asked for many at once.

    >>> name = Unguessable()
    >>> len(name()), name() == name()
    (32, False)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._pool = b""
        # Two processes must not hand out the same names.
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self) -> str:
        with self._lock:
            if not self._pool:
                self._pool = os.urandom(_BYTES * _AT_ONCE)
            name, self._pool = self._pool[:_BYTES], self._pool[_BYTES:]
        return name.hex()

    def _forget(self) -> None:
        self._lock, self._pool = Lock(), b""
