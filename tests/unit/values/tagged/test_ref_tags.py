from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.tagged.ref_tags import (
    function_tag,
    read_callback,
    read_ref,
    read_tool,
    ref_tag,
)
from snakepit_bridge.values.tagged.tags import TagError


def _parts(ref: Ref) -> tuple[str, str, str]:
    return str(ref), ref.type_name, ref.session_id


@pytest.mark.parametrize("type_name", ["a.b.C", "a.C", "C", ""])
def test_refs_come_back_with_all_that_is_known_of_them(type_name: str) -> None:
    ref = Ref("r1", type_name=type_name, session_id="s")

    found = read_ref(ref_tag(ref))

    assert type(found) is Ref
    assert _parts(found) == _parts(ref)


@pytest.mark.parametrize(
    ("members", "parts"),
    [
        ({"id": "r"}, ("r", "", "")),
        ({"ref_id": "r", "session_id": None}, ("r", "", "")),
        ({"id": "r", "python_module": "a.b", "__type_name__": "C"}, ("r", "a.b.C", "")),
        ({"id": "r", "python_module": "a", "type_name": "a.C"}, ("r", "a.C", "")),
        ({"id": "r", "python_module": "a"}, ("r", "", "")),
    ],
)
def test_refs_of_others_are_read(members: dict[str, Any], parts: tuple[str, str, str]) -> None:
    assert _parts(read_ref(members)) == parts


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (HostFunction(tool="weather"), "tool"),
        (HostFunction(tool="weather", callback_id="c", arity=0), "tool"),
        (HostFunction(tool="snakebridge.callback", callback_id="c", arity=2), "callback"),
        (HostFunction(tool="snakebridge.callback"), "tool"),
    ],
)
def test_functions_of_the_host_come_back(function: HostFunction, kind: str) -> None:
    members = function_tag(function)

    assert members["__type__"] == kind
    assert (read_tool if kind == "tool" else read_callback)(members) == function


def test_what_snakebridge_sends_for_a_function_is_read() -> None:
    callback = HostFunction(tool="snakebridge.callback", callback_id="cb", arity=1)

    assert read_callback({"ref_id": "cb", "pid": "<0.1.0>", "arity": 1}) == callback
    assert read_callback({"callback_id": "cb", "arity": 1}) == callback


@pytest.mark.parametrize(
    ("read", "members", "message"),
    [
        (read_ref, {}, 'without "id"'),
        (read_ref, {"id": ""}, 'whose "id" is empty'),
        (read_ref, {"id": 5}, 'whose "id" is 5, not text'),
        (read_ref, {"id": "r", "session_id": 5}, 'whose "session_id" is 5, not text'),
        (read_ref, {"id": "r", "type_name": []}, "whose \"type_name\" is of type 'list', not text"),
        (read_callback, {"arity": 1}, 'without "ref_id"'),
        (
            read_callback,
            {"ref_id": "c", "arity": -1},
            'whose "arity" is -1, not a number of arguments',
        ),
        (
            read_tool,
            {"name": "t", "arity": True},
            'whose "arity" is True, not a number of arguments',
        ),
        (read_tool, {}, 'without "name"'),
    ],
)
def test_malformed_tags_are_refused(
    read: Callable[[dict[str, Any]], object], members: dict[str, Any], message: str
) -> None:
    with pytest.raises(TagError) as caught:
        read(members)

    assert str(caught.value) == message
