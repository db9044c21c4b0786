"""Routes whose ids may hold any character, a slash as ``%2F`` among them."""

from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope


class IdRoute(Route):
    """Matches the path as it was sent and decodes the parts in ``{}`` afterwards.

    Servers decode a path before it is matched: an id ``a/b``, sent as ``a%2Fb``, would be two parts.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        sent = scope.get("raw_path")
        if scope["type"] != "http" or not sent:
            return super().matches(scope)
        match, found = super().matches({**scope, "path": sent.decode("latin-1")})
        parts: dict[str, str] = found.get("path_params", {})
        return match, {**found, "path_params": {name: unquote(part) for name, part in parts.items()}}
