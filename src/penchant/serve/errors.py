"""The one table from errors to HTTP, and the one form in which they are told."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from penchant import errors
from penchant.errors import PenchantError

STATUS: Mapping[type[PenchantError], int] = {
    errors.PenchantError: 500,
    errors.InvalidInput: 400,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.TooLarge: 413,
    errors.Overloaded: 429,
    errors.WouldWait: 503,
    errors.Unreachable: 503,
    errors.SettingsError: 500,
    errors.ShopError: 503,
    errors.DamagedLog: 503,
    errors.ShopBusy: 503,
    errors.StorageError: 503,
    errors.SnapshotRefused: 503,
    errors.EncoderGone: 503,
    errors.NotTrained: 503,
    errors.NotEnoughData: 409,
    errors.MissingExtra: 501,
    errors.Interrupted: 503,
}

HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"www-authenticate": 'Bearer realm="penchant"'},
    429: {"retry-after": "1"},
    503: {"retry-after": "1"},
}


def status_of(error: PenchantError) -> int:
    """HTTP status of the error's class, or of the nearest class above it.

    >>> status_of(errors.TooLarge("x"))
    413
    """
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def error_response(status: int, code: str, message: str) -> Response:
    """``{"error": {"code", "message"}}``.

    >>> error_response(404, "not-found", "no such route").body
    b'{"error":{"code":"not-found","message":"no such route"}}'
    """
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Response(body, status, HEADERS.get(status), "application/json")


def respond(error: PenchantError) -> Response:
    """The answer to an error raised on purpose. Faults of the house's own side do not tell details."""
    status = status_of(error)
    told = str(error) if status < 500 else "the shop cannot answer this now; its log says why"
    return error_response(status, error.code, told)


def as_sent(response: Response, headers: Mapping[str, str]) -> bytes:
    r"""A whole answer as it goes over the wire, with ``headers`` besides its own.

    >>> as_sent(Response(b"yes", 200, {"a": "b"}), {"c": "d"})
    b'HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 3\r\nc: d\r\n\r\nyes'
    """
    told = {key.decode("latin-1"): value.decode("latin-1") for key, value in response.raw_headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (told | dict(headers)).items())
    phrase = HTTPStatus(response.status_code).phrase
    return f"HTTP/1.1 {response.status_code} {phrase}\r\n{lines}\r\n".encode("latin-1") + bytes(response.body)
