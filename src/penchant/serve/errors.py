"""The one table from errors to HTTP, and the one form in which they are told."""

from collections.abc import Mapping

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
    errors.SettingsError: 500,
    errors.ShopError: 503,
    errors.ShopBusy: 503,
    errors.StorageError: 503,
    errors.SnapshotRefused: 503,
    errors.NotTrained: 503,
    errors.NotEnoughData: 409,
    errors.MissingExtra: 501,
    errors.Interrupted: 503,
}

HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"www-authenticate": 'Bearer realm="penchant"'},
    429: {"retry-after": "1"},
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
