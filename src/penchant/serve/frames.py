"""What processes of one server say to each other: a length in four bytes, then one message in MessagePack."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from penchant.errors import Unreachable

Headers = Sequence[tuple[bytes, bytes]]

HEAD: Final = 4
"""Bytes of a length."""

PIECE: Final = 2**20
"""Bytes of an answer's body in one message; a longer body comes in several."""

ROOM: Final = 2**18
"""Bytes of a message beside a body: path, query and headers are shorter than a web server takes."""


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """A request as it came through the door; ``path`` and ``query`` as they were sent."""

    number: int
    method: str
    scheme: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Reply(msgspec.Struct, frozen=True, array_like=True, tag="reply"):
    """The answer to the request of that number; ``more`` says that a :class:`Part` follows."""

    number: int
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    more: bool


class Part(msgspec.Struct, frozen=True, array_like=True, tag="part"):
    """More of the body."""

    number: int
    body: bytes
    more: bool


class Call(msgspec.Struct, frozen=True, array_like=True, tag="call"):
    """What one process asks another itself; nothing of it ever comes from outside."""

    number: int
    name: str
    given: bytes


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """What a call gave; ``failed`` says why it, or a request, did not come to its end."""

    number: int
    given: bytes = b""
    failed: str = ""


Message = Ask | Reply | Part | Call | Done

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def framed(message: Message) -> bytes:
    """The message as it goes over the line.

    >>> framed(Done(7)).hex()
    '0000000a94a4646f6e6507c400a0'
    """
    body = _encoder.encode(message)
    return len(body).to_bytes(HEAD, "big") + body


class Frames:
    """Messages of a stream, which comes in pieces of any length.

    >>> frames, sent = Frames(100), framed(Call(1, "up", b"")) + framed(Done(1))
    >>> [len(list(frames.take(sent[:20]))), len(list(frames.take(sent[20:])))]
    [1, 1]
    """

    def __init__(self, longest: int) -> None:
        """``longest``: bytes of a message; no more is ever held."""
        self._longest = longest
        self._held = bytearray()

    def take(self, piece: bytes) -> Iterator[Message]:
        """Every message that is whole by now.

        Raises:
            Unreachable: what came is longer than it may be or no message. Nothing after it can be read.
        """
        self._held += piece
        while len(self._held) >= HEAD:
            length = int.from_bytes(self._held[:HEAD], "big")
            if length > self._longest:
                raise Unreachable(f"a message of {length} bytes came; at most {self._longest} are read")
            if len(self._held) < HEAD + length:
                return
            body = bytes(self._held[HEAD : HEAD + length])
            del self._held[: HEAD + length]
            try:
                yield _decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise Unreachable(f"what came is no message: {error}") from error
