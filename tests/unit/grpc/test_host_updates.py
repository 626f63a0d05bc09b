from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import (
    BridgeError,
    InvalidArgumentError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, run
from snakepit_bridge.grpc.host_updates import set_variable
from snakepit_bridge.session.variables import VariableUpdate

MISSING = VariableError("There is none.")
REFUSED = InvalidArgumentError("It does not fit.")


class Script:
    """Answers calls in the order of the script, or raises what stands there."""

    def __init__(self, *answers: tuple[str, Any]) -> None:
        self._answers = list(answers)
        self.requests: list[Any] = []

    def send(self, call: HostCall) -> Any:
        rpc, answer = self._answers.pop(0)
        assert call.rpc == rpc
        self.requests.append(call.request)
        if isinstance(answer, BridgeError):
            raise answer
        return answer

    def set(self, value: Any, **more: Any) -> int:
        version = run(set_variable("s", VariableUpdate(name="x", value=value, **more)), self.send)
        assert self._answers == []
        return version


def _changed(new_version: int) -> pb.SetVariableResponse:
    return pb.SetVariableResponse(success=True, new_version=new_version)


def _found(version: int = 0, **more: Any) -> pb.GetVariableResponse:
    return pb.GetVariableResponse(variable=pb.Variable(name="x", version=version, **more))


def test_a_variable_that_is_there_takes_one_call() -> None:
    script = Script(("SetVariable", _changed(4)))

    assert script.set("v") == 5

    [request] = script.requests
    assert request.variable_identifier == "x"
    assert request.value.value == b'"v"'
    assert request.value.type_url == "type.googleapis.com/snakepit.string"
    assert request.expected_version == 0


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "boolean"), (1, "integer"), (0.5, "float"), ("v", "string"), ([], "list"), ({}, "map")],
)
def test_a_variable_that_is_not_there_is_created_with_the_type_of_its_value(
    value: object, kind: str
) -> None:
    script = Script(
        ("SetVariable", MISSING),
        ("RegisterVariable", pb.RegisterVariableResponse(success=True)),
        ("GetVariable", _found(0)),
    )

    assert script.set(value) == 1

    assert script.requests[1].type == kind
    assert script.requests[1].constraints_json == ""


def test_a_declared_variable_is_created_as_declared() -> None:
    script = Script(
        ("GetVariable", MISSING),
        ("RegisterVariable", pb.RegisterVariableResponse(success=True)),
        ("GetVariable", _found(0)),
    )

    script.set(1, type="float", constraints={"max": 2})

    assert script.requests[1].type == "float"
    assert script.requests[1].constraints_json == '{"max":2}'


def test_whoever_creates_it_first_is_followed() -> None:
    script = Script(
        ("SetVariable", MISSING),
        ("RegisterVariable", REFUSED),
        ("GetVariable", _found(0)),
        ("SetVariable", _changed(1)),
    )

    assert script.set("v") == 2


@pytest.mark.parametrize(
    "refusal", [REFUSED, pb.RegisterVariableResponse(error_message="It does not fit.")]
)
def test_a_refusal_to_create_stands_when_there_is_still_none(refusal: Any) -> None:
    script = Script(
        ("SetVariable", MISSING), ("RegisterVariable", refusal), ("GetVariable", MISSING)
    )

    with pytest.raises(InvalidArgumentError, match="does not fit"):
        script.set("v")


def test_a_refusal_to_change_says_what_the_host_said() -> None:
    script = Script(("SetVariable", pb.SetVariableResponse(error_message="Too hot.")))

    with pytest.raises(InvalidArgumentError, match=r"set variable 'x': Too hot\."):
        script.set("v")


def test_a_refusal_without_a_reason_says_so() -> None:
    script = Script(("SetVariable", pb.SetVariableResponse()))

    with pytest.raises(InvalidArgumentError, match="did not say why"):
        script.set("v")


@pytest.mark.parametrize(("expected", "on_wire"), [(1, 0), (4, 3)])
def test_the_expected_version_is_compared_here_and_sent(expected: int, on_wire: int) -> None:
    script = Script(("GetVariable", _found(expected - 1)), ("SetVariable", _changed(expected)))

    assert script.set("v", expected_version=expected) == expected + 1

    assert script.requests[1].expected_version == on_wire


@pytest.mark.parametrize("expected", [0, 1, 4])
def test_another_version_is_left_alone(expected: int) -> None:
    script = Script(("GetVariable", _found(2)))

    with pytest.raises(VersionConflictError, match=f"at version 3; version {expected}"):
        script.set("v", expected_version=expected)


def test_a_variable_that_should_be_there_is_not_created() -> None:
    script = Script(("GetVariable", MISSING))

    with pytest.raises(VersionConflictError, match="does not exist"):
        script.set("v", expected_version=2)


def test_a_host_that_compares_versions_is_believed() -> None:
    script = Script(("GetVariable", _found(0)), ("SetVariable", VersionConflictError("Late.")))

    with pytest.raises(VersionConflictError, match=r"Late\."):
        script.set("v", expected_version=1)


def test_a_change_that_came_in_between_is_told() -> None:
    script = Script(("GetVariable", _found(1)), ("SetVariable", _changed(3)))

    with pytest.raises(VersionConflictError, match="meanwhile, now it is at 4"):
        script.set("v", expected_version=2)


def test_no_version_is_negative() -> None:
    with pytest.raises(InvalidArgumentError, match="-1"):
        Script().set("v", expected_version=-1)


@pytest.mark.parametrize(
    ("wanted", "existing"),
    [
        ({"type": "string"}, {"type": "float"}),
        ({"constraints": {"max": 2}}, {"constraints_json": '{"max":1}'}),
        ({"constraints": {}}, {"constraints_json": "max 1"}),
    ],
)
def test_what_the_contract_cannot_change_is_not_changed_silently(
    wanted: dict[str, Any], existing: dict[str, Any]
) -> None:
    script = Script(("GetVariable", _found(**existing)))

    with pytest.raises(InvalidArgumentError, match="cannot change") as caught:
        script.set("v", **wanted)

    assert "Delete it first" in caught.value.hint


def test_what_is_declared_already_may_be_declared_again() -> None:
    script = Script(
        ("GetVariable", _found(type="float", constraints_json='{"max": 2}')),
        ("SetVariable", _changed(1)),
    )

    assert script.set(1, type="float", constraints={"max": 2}) == 2


def test_a_value_without_a_json_form_is_not_sent() -> None:
    with pytest.raises(InvalidArgumentError, match="The value of variable 'x'"):
        Script().set(b"raw")


def test_constraints_without_a_json_form_are_not_sent() -> None:
    script = Script(("GetVariable", MISSING))

    with pytest.raises(InvalidArgumentError, match="The constraints of variable 'x'"):
        script.set(1, type="float", constraints={"max": b"1"})
