"""Messages between processes: whole ones come through in any pieces, anything else ends the connection."""

import random

import msgspec
import pytest

from penchant.errors import Unreachable
from penchant.serve.frames import Ask, Call, Done, Frames, Message, Part, Reply, framed

MESSAGES: list[Message] = [
    Ask(1, "GET", "http", b"/v1/users/a%2Fb/taste", b"n=3", [(b"host", b"x")], b""),
    Call(2, "gone", bytes(range(256))),
    Reply(1, 200, [(b"a", b"b"), (b"a", b"c")], b"{}" * 300, True),
    Part(1, b"", False),
    Done(2, b"\xc0"),
    Done(3, failed="no"),
]


def test_messages_come_through_in_pieces_of_any_length() -> None:
    sent, chance = b"".join(map(framed, MESSAGES)), random.Random(1)
    for _ in range(200):
        frames, found, at = Frames(1_000), list[Message](), 0
        while at < len(sent):
            size = chance.randint(1, 300)
            found += frames.take(sent[at : at + size])
            at += size
        assert found == MESSAGES


def test_a_length_beyond_the_limit_is_refused_before_anything_is_held() -> None:
    message = framed(Call(1, "x", b"y" * 90))
    assert len(list(Frames(len(message) - 4).take(message))) == 1
    with pytest.raises(Unreachable, match="at most"):
        list(Frames(len(message) - 5).take(message[:4]))


def test_a_message_that_is_cut_off_is_none() -> None:
    for message in map(framed, MESSAGES):
        for end in range(len(message)):
            assert list(Frames(1_000).take(message[:end])) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\xff" * 30,
        msgspec.msgpack.encode(["ask", 1]),
        msgspec.msgpack.encode(["other", 1, "x", b""]),
        msgspec.msgpack.encode(["call", "one", "x", b""]),
        msgspec.msgpack.encode(["call", 1, b"\xff", b""]),
        msgspec.msgpack.encode({"type": "call"}),
        framed(MESSAGES[0])[4:] + b"\x00",
        b"\x91" * 50_000 + b"\xc0",
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_garbage_is_refused(body: bytes) -> None:
    with pytest.raises(Unreachable, match="no message"):
        list(Frames(100_000).take(len(body).to_bytes(4, "big") + body))


def test_random_bytes_never_do_anything_else() -> None:
    chance = random.Random(2)
    for _ in range(3_000):
        frames = Frames(64)
        try:
            for _ in range(4):
                for message in frames.take(bytes([0, 0, 0]) + chance.randbytes(chance.randint(0, 40))):
                    assert isinstance(message, Message)
        except Unreachable:
            continue
