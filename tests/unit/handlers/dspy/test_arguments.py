from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import ForeignRefError
from snakepit_bridge.handlers.dspy.arguments import NESTING, Arguments, arguments_from
from snakepit_bridge.session.instances import InstanceManager


def finder() -> tuple[InstanceManager, Any]:
    instances = InstanceManager()
    return instances, lambda ref: instances.get("one", ref)


@pytest.mark.parametrize("args", [None, {}, []])
def test_nothing_is_no_arguments(args: Any) -> None:
    assert arguments_from(args, finder()[1]) == Arguments()


def test_an_object_is_keywords_and_a_list_is_positional() -> None:
    _, find = finder()

    assert arguments_from({"a": 1}, find) == Arguments((), {"a": 1})
    assert arguments_from(["a", 1], find) == Arguments(("a", 1), {})


def test_refs_stand_for_their_objects_at_any_depth() -> None:
    instances, find = finder()
    thing = object()
    ref = instances.register("one", thing)

    found = arguments_from({"x": ref, "y": [{"z": ref}], "text": f"about {ref}"}, find)

    assert found.keywords == {"x": thing, "y": [{"z": thing}], "text": f"about {ref}"}


def test_a_text_that_only_looks_like_a_ref_stays_a_text() -> None:
    text = "commit-0123456789abcdef"

    assert arguments_from([text], finder()[1]).positional == (text,)


def test_a_ref_of_another_session_is_refused() -> None:
    instances, find = finder()
    ref = instances.register("two", object())

    with pytest.raises(ForeignRefError):
        arguments_from({"x": ref}, find)


def test_what_lies_too_deep_is_handed_on_as_it_is() -> None:
    instances, find = finder()
    ref = instances.register("one", object())
    deep: Any = ref
    for _ in range(NESTING + 1):
        deep = [deep]

    found: Any = arguments_from({"x": deep}, find).keywords["x"]
    while isinstance(found, list):
        found = found[0]

    assert found == ref
