"""One table maps every error."""

import json

import pytest

from penchant import errors
from penchant.serve.errors import STATUS, respond, status_of

ALL = [value for value in vars(errors).values() if isinstance(value, type)]


def test_the_table_names_every_error() -> None:
    assert set(ALL) == set(STATUS)


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_the_same_form(error: type[errors.PenchantError]) -> None:
    answer = respond(error("a path /secret"))
    body = json.loads(bytes(answer.body))
    assert body["error"]["code"] == error.code
    assert ("secret" in body["error"]["message"]) == (answer.status_code < 500)


def test_a_subclass_that_nobody_named_takes_the_status_of_its_parent() -> None:
    assert status_of(type("Other", (errors.NotFound,), {})("x")) == 404
