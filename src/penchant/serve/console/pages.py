"""Pages of the console for somebody signed in."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from penchant.errors import NotFound
from penchant.serve.console import figures
from penchant.serve.console.actions import SIZE, json
from penchant.serve.console.desk import REPORT_POLICY, Desk, headers, page, percent
from penchant.serve.console.sessions import Session

PEOPLE = 100
"""People shown at once; a search finds the others."""

ITEMS = 24
BASKETS = 6
RECENT = 10
"""Events that can be forgotten one by one."""
MAX_QUERY = 200
NOW = ("quality", "experiment")
"""Reports that are always there."""


def overview(desk: Desk, request: Request, session: Session) -> Response:
    """What the shop holds and which model serves."""
    told = {"name": "", "snapshot": "", "metrics": {}} | desk.services.overview()
    evaluated = desk.services.report_html("evaluation") is not None
    return page(desk, request, "overview.html", session=session, told=told, evaluated=evaluated)


def people(desk: Desk, request: Request, session: Session) -> Response:
    """Pick a person."""
    query = asked(request)
    found = desk.services.people(query, PEOPLE)
    return page(desk, request, "people.html", session=session, query=query, people=found, limit=PEOPLE)


def person(desk: Desk, request: Request, session: Session) -> Response:
    """What one person bought, likes, and would be shown."""
    pseudonym = request.path_params["person"]
    known = desk.services.person(pseudonym)
    shown = desk.services.person_recommend(pseudonym, SIZE)
    values = person_values(known)
    return page(desk, request, "person.html", session=session, person=pseudonym, shown=shown, **values)


def person_now(desk: Desk, request: Request, session: Session) -> Response:
    """The parts of a person's page that an event changes, without the list."""
    pseudonym = request.path_params["person"]
    values = person_values(desk.services.person(pseudonym))
    return page(desk, request, "_now.html", session=session, person=pseudonym, **values)


def person_values(known: dict[str, Any]) -> dict[str, Any]:
    """What ``person.html`` shows of :meth:`Services.person`."""
    profile: dict[str, Any] = known.get("profile") or {}
    months = figures.calendar(profile.get("months") or [])
    categories = figures.bars(profile.get("categories") or [])
    brands = figures.bars(profile.get("brands") or [], limit=6)
    words = figures.bars(profile.get("words") or [], limit=6)
    baskets = list(known.get("baskets") or [])
    return {
        "consent": {"profiling": True, "experiments": True} | (known.get("consent") or {}),
        "baskets": sorted(baskets, key=lambda basket: -float(basket["timestamp"]))[:BASKETS],
        "profile": {"events": 0, "price_level": None} | profile,
        "months": months,
        "categories": categories,
        "brands": brands,
        "words": [word for word in words if word.colour < figures.COLOURS],
        **wishes_of(profile),
        "moved": moved_words(profile.get("week") or {}),
        "columns": figures.columns(months, "categories", categories),
        "brand_columns": figures.columns(months, "brands", brands),
        "dots": figures.price_dots(months),
        "price_words": figures.price_words(profile.get("price_level")),
    }


WEIGHTS = ("never", "less", "normal", "more")
"""Places of a slider, from the left."""


def wishes_of(profile: dict[str, Any]) -> dict[str, Any]:
    """Where the sliders of a profile stand, by kind and name, and what has none of its own."""
    wishes = list(profile.get("corrections") or [])
    return {
        "wishes": wishes,
        "places": {(wish["kind"], wish["name"]): WEIGHTS.index(wish["weight"]) for wish in wishes},
        "present": profile.get("present"),
        "recent": list(profile.get("recent") or [])[:RECENT],
    }


def moved_words(week: dict[str, Any]) -> list[str]:
    """The largest changes of a week as people read them.

    >>> moved_words({"categories": [{"name": "Tea", "before": 0.1, "now": 0.4}]})
    ['Tea: 10% → 40%']
    """
    changes = [*(week.get("categories") or [])[:3], *(week.get("brands") or [])[:2]]
    return [f"{one['name']}: {percent(one['before'])} → {percent(one['now'])}" for one in changes]


def export(desk: Desk, request: Request, session: Session) -> Response:  # noqa: ARG001 (every view has it)
    """All that is held on the person, as a file."""
    held = desk.services.person_export(request.path_params["person"])
    return json(held, {"content-disposition": 'attachment; filename="person.json"'})


def items(desk: Desk, request: Request, session: Session) -> Response:
    """Search by text, or items like one item."""
    query = asked(request)
    like = request.query_params.get("like", "")[:MAX_QUERY]
    found = desk.services.similar_items(like, ITEMS) if like else []
    found = desk.services.find_items(query, ITEMS) if query and not like else found
    title = request.query_params.get("title", like)[:MAX_QUERY]
    return page(
        desk, request, "items.html", session=session, query=query, like=like, title=title, items=found
    )


def report(desk: Desk, request: Request, session: Session) -> Response:
    """A report in a frame of its own."""
    name = request.path_params["name"]
    there = name in NOW or desk.services.report_html(name) is not None
    return page(desk, request, "report.html", session=session, name=name, there=there)


def report_frame(desk: Desk, request: Request, session: Session) -> Response:  # noqa: ARG001 (every view has it)
    """The report itself, under a policy that lets it run nothing."""
    text = desk.services.report_html(request.path_params["name"])
    return HTMLResponse(text or "", headers=headers(REPORT_POLICY))


def nowhere(desk: Desk, request: Request, session: Session) -> Response:  # noqa: ARG001 (every view has it)
    """An address that leads to no page."""
    raise NotFound("The console has no page at this address.")


def asked(request: Request) -> str:
    """The text of a search box."""
    return request.query_params.get("q", "").strip()[:MAX_QUERY]
