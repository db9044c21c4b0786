"""Reports as HTML pages that hold everything they show."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup


def page(template: str, /, **values: Any) -> str:
    """The file ``template``, filled in. Values are escaped; nothing is loaded from elsewhere."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    style = Markup(_read("report.css"))  # noqa: S704 - our own file
    return environment.from_string(_read(template)).render(style=style, **values)


def _read(name: str) -> str:
    return files("penchant.evaluate").joinpath(name).read_text("utf-8")
