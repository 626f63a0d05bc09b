from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import ForeignRefError, InstanceNotFoundError, InvalidArgumentError
from snakepit_bridge.handlers.references import Held, References
from snakepit_bridge.session.instances import InstanceManager
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction

THING = object()


@pytest.fixture
def instances() -> InstanceManager:
    return InstanceManager()


@pytest.fixture
def ref(instances: InstanceManager) -> Ref:
    return instances.register("s", THING)


@pytest.fixture
def references(instances: InstanceManager) -> References:
    return References(lambda ref: instances.get("s", ref), function=lambda each: ("call", each))


def test_every_form_of_a_ref_stands_for_its_object(references: References, ref: Ref) -> None:
    for form in (
        ref,
        str(ref),
        {"__type__": "ref", "__schema__": 1, "id": str(ref), "session_id": "s"},
        {"__type__": "ref", "ref_id": str(ref)},
        {"__type__": "stream_ref", "id": str(ref)},
        {"__snakebridge_ref__": True, "ref_id": str(ref)},
        Held(THING),
    ):
        assert references.resolved(form) is THING
        assert references.instance(form) is THING


def test_refs_are_found_in_every_kind_of_container(references: References, ref: Ref) -> None:
    tag = {"__type__": "ref", "id": str(ref)}

    assert references.resolved([ref, [tag]]) == [THING, [THING]]
    assert references.resolved((ref, 1)) == (THING, 1)
    assert references.resolved({str(ref)}) == {THING}
    assert references.resolved(frozenset({ref})) == frozenset({THING})
    assert references.resolved({"a": {"b": tag}}) == {"a": {"b": THING}}
    assert references.resolved({(ref, 1): 2}) == {(THING, 1): 2}
    assert references.resolved(slice(ref, None)) == slice(THING, None)


def test_texts_that_are_keys_or_only_look_like_a_ref_stay_texts(
    references: References, ref: Ref
) -> None:
    for value in (
        {str(ref): 1},
        f"about {ref}",
        "commit-0123456789abcdef",
        "x" * 40,
        {"__type__": "Person", "id": 7},
        {"__type__": ["ref"]},
        {"__type__": "slice", "id": 7},
        {"__type__": "tuple", "elements": 7},
        {"__snakebridge_ref__": False, "ref_id": "a"},
    ):
        assert references.resolved(value) == value


def test_what_can_only_be_a_ref_has_to_lead_somewhere(references: References) -> None:
    for form in (Ref("thing-0123456789abcdef"), {"__type__": "ref", "id": "gone"}):
        with pytest.raises(InstanceNotFoundError):
            references.resolved([form])


def test_a_ref_of_another_session_is_refused(
    references: References, instances: InstanceManager
) -> None:
    foreign = instances.register("other", THING)

    with pytest.raises(ForeignRefError):
        references.resolved([str(foreign)])


@pytest.mark.parametrize("value", [7, None, ["a"], {"id": "a"}, b"a"])
def test_something_else_is_no_ref(references: References, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=type(value).__name__):
        references.instance(value)


@pytest.mark.parametrize(
    ("tagged", "function"),
    [
        ({"__type__": "tool", "name": "add"}, HostFunction(tool="add")),
        (
            {"__type__": "callback", "ref_id": "c1", "pid": "<0.1.0>", "arity": 2},
            HostFunction(tool="snakebridge.callback", callback_id="c1", arity=2),
        ),
        (
            {"__type__": "callback", "callback_id": "c1", "arity": "2"},
            HostFunction(tool="snakebridge.callback", callback_id="c1"),
        ),
        (HostFunction(tool="add"), HostFunction(tool="add")),
    ],
)
def test_functions_of_the_host_become_callables(
    references: References, tagged: Any, function: HostFunction
) -> None:
    assert references.resolved({"f": [tagged]}) == {"f": [("call", function)]}


def test_functions_of_the_host_stay_as_they_are_where_nobody_calls_them() -> None:
    references = References(lambda ref: ref)
    values = [HostFunction(tool="add"), {"__type__": "tool", "name": "add"}]

    assert references.resolved(values) == values


def test_keys_of_plain_json_may_be_slices(references: References) -> None:
    first = {"__type__": "slice", "start": 1, "stop": 3}
    every = {"__type__": "slice", "step": 2}

    key = references.resolved(
        {"__type__": "tuple", "elements": [first, every, {"__type__": "ellipsis"}]}
    )

    assert key == (slice(1, 3), slice(None, None, 2), ...)


def test_every_object_is_looked_at_before_it_becomes_an_argument(
    instances: InstanceManager,
) -> None:
    seen: list[Any] = []
    references = References(lambda ref: instances.get("s", ref), check=seen.append)
    ref = instances.register("s", THING)

    references.resolved([ref, {"__type__": "ref", "id": str(ref)}, str(ref), Held(7), "text"])

    assert seen == [THING, THING, THING, 7]


def test_what_lies_too_deep_is_handed_on_as_it_is(references: References, ref: Ref) -> None:
    shallow = References(references.instance, depth=2)

    assert shallow.resolved([[ref]]) == [[THING]]
    assert shallow.resolved([[[ref]]]) == [[[ref]]]


def test_other_objects_are_not_looked_into(references: References) -> None:
    class Mine(list[Any]):
        pass

    mine = Mine([{"__type__": "tool", "name": "add"}])

    assert references.resolved(mine) is mine
