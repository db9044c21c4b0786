"""What every page of the console needs, and the way a page leaves the house."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from penchant.serve.console.sessions import OneTimeToken, Session, Sessions
from penchant.serve.services import Services

HERE = Path(__file__).parent
STATIC = HERE / "static"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Everything comes from this server; no inline script, no inline style, no foreign frame."""

REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""A report is a page of its own, with its own styles; it may run nothing and ask nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """``version`` changes with the static files."""

    services: Services
    sessions: Sessions
    token: OneTimeToken
    templates: Environment
    version: str


def templates() -> Environment:
    """The pages, every value escaped; an unknown name in a page is an error."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(whole=whole, percent=percent, day=day, moment=moment, deed=deed)
    return env


def page(
    desk: Desk,
    request: Request,
    name: str,
    /,
    *,
    status: int = 200,
    session: Session | None = None,
    **values: Any,
) -> Response:
    """The page ``name`` with its headers; ``session`` None for a page that anybody may see."""
    text = desk.templates.get_template(name).render(
        shop=desk.services.settings.name,
        currency=desk.services.settings.currency,
        csrf=session.csrf if session else "",
        path=request.url.path,
        version=desk.version,
        **values,
    )
    return HTMLResponse(text, status, headers(POLICY))


def headers(policy: str) -> dict[str, str]:
    """Headers of everything that is somebody's business only.

    >>> headers("default-src 'none'")["cache-control"]
    'no-store'
    """
    return {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
    }


def whole(number: float) -> str:
    """Thousands apart.

    >>> whole(1469307)
    '1,469,307'
    """
    return f"{number:,.0f}"


def percent(share: float) -> str:
    """A share from 0 to 1 as people read it.

    >>> percent(0.314), percent(0.004)
    ('31%', '<1%')
    """
    return "<1%" if 0 < share < 0.005 else f"{100 * share:.0f}%"


def day(timestamp: float) -> str:
    """Date of unix seconds, UTC.

    >>> day(0.0)
    '1 Jan 1970'
    """
    at = datetime.fromtimestamp(timestamp, UTC)
    return f"{at.day} {at:%b %Y}"


def moment(timestamp: float) -> str:
    """Date and time of unix seconds, UTC.

    >>> moment(0.0)
    '1 Jan 1970, 00:00'
    """
    return f"{day(timestamp)}, {datetime.fromtimestamp(timestamp, UTC):%H:%M}"


DEEDS = {
    "view": "Viewed",
    "search": "Searched",
    "click": "Clicked",
    "cart": "Put into the cart",
    "remove_from_cart": "Took out of the cart",
    "wishlist": "Put on the wishlist",
    "purchase": "Bought",
    "refund": "Gave back",
    "rating": "Rated",
    "review": "Reviewed",
    "message": "Wrote",
}


def deed(type: str) -> str:
    """An event type as people say it.

    >>> deed("remove_from_cart")
    'Took out of the cart'
    """
    return DEEDS.get(type, type)


def static_version() -> str:
    """Changes with the content of the static files, so that a browser never shows an old one."""
    parts = [path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]
