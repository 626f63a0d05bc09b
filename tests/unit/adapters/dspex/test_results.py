from __future__ import annotations

import pytest

from snakepit_bridge.adapters.dspex.results import (
    converted,
    failure,
    list_in,
    object_in,
    scrubbed,
)
from snakepit_bridge.errors import DSPyError, InvalidArgumentError
from tests.unit.adapters.dspex.scene import CANARY


def test_a_failure_says_what_and_what_to_do() -> None:
    error = DSPyError("It broke.", {"hint": "Mend it."})
    error.foreign_traceback = "Traceback"

    assert failure(error) == {"success": False, "error": "It broke.", "hint": "Mend it."}
    assert failure(error, with_traceback=True, module_path="x")["traceback"] == "Traceback"
    assert failure(error, module_path="x")["module_path"] == "x"
    assert failure(DSPyError("It broke.")) == {"success": False, "error": "It broke."}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"a": [1]}, {"a": [1]}),
        ([1, None], [1, None]),
        ("text", "text"),
        (1, "1"),
        (True, "True"),
        (None, "None"),
    ],
)
def test_containers_stay_and_all_else_is_text(value: object, result: object) -> None:
    assert converted(value) == result


def test_secrets_go_from_texts_at_any_depth() -> None:
    found = scrubbed({f"a {CANARY}": [(CANARY, 1)], "b": None}, [CANARY])

    assert found == {"a ***": [["***", 1]], "b": None}


@pytest.mark.parametrize("value", [{"a": 1}, '{"a": 1}'])
def test_an_object_is_one_or_its_json(value: object) -> None:
    assert object_in(value, "inputs") == {"a": 1}


@pytest.mark.parametrize("value", [[1], "[1]"])
def test_a_list_is_one_or_its_json(value: object) -> None:
    assert list_in(value, "args") == [1]


def test_nothing_is_empty() -> None:
    assert object_in(None, "inputs") == {}
    assert list_in("null", "args") == []


@pytest.mark.parametrize(
    ("value", "says"),
    [("{", "no JSON"), ("[1]", "expected an object, got something of type 'list'"), (1, "'int'")],
)
def test_what_is_no_object_is_refused_by_name(value: object, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match="'inputs'") as caught:
        object_in(value, "inputs")

    assert says in caught.value.message


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="expected a list"):
        list_in({}, "args")
