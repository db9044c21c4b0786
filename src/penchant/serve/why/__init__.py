"""The page that tells a shopper what decides the order of a list, in each language that is known."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from penchant.recommend.wording import language_of

_HERE = Path(__file__).parent


def why_route() -> Route:
    """``/why``: it asks for no key and tells nothing of anybody."""
    return Route("/why", _why)


async def _why(request: Request) -> Response:
    language = (
        language_of(request.query_params.get("language"), request.headers.get("accept-language")) or "en"
    )
    headers = {"content-security-policy": "default-src 'none'", "vary": "Accept-Language"}
    return HTMLResponse((_HERE / f"{language}.html").read_text(encoding="utf-8"), headers=headers)
