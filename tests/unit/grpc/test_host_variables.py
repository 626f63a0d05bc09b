from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as WireValue
from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.errors import HostToolError, VariableError, VersionConflictError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, run
from snakepit_bridge.grpc.host_variables import delete_variable, get_variable, list_variables


def _get(**variable: Any) -> Any:
    answer = pb.GetVariableResponse(variable=pb.Variable(name="x", **variable))
    return run(get_variable("s", "x"), lambda _: answer)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", b"7", 7),
        ("float", b"0.5", 0.5),
        ("float", b'"-Infinity"', -float("inf")),
        ("string", b'"NaN"', "NaN"),
        ("list", b"[]", []),
    ],
)
def test_only_floats_have_special_values(kind: str, text: bytes, value: object) -> None:
    assert _get(type=kind, value=WireValue(value=text)) == value


def test_a_binary_value_is_never_opened() -> None:
    wire = WireValue(type_url="type.googleapis.com/snakepit.tensor.binary", value=b"{}")

    with pytest.raises(HostToolError, match=r"'x' came as 3 bytes under '.*tensor\.binary'"):
        _get(type="tensor", value=wire, binary_value=b"\x80\x05.")


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [(None, ""), ("", ""), ("a_*", "a_*"), ("a.*", ""), ("a?", ""), ("[a]", "")],
)
def test_a_pattern_is_sent_only_where_the_host_cannot_mistake_it(
    pattern: str | None, asked: str
) -> None:
    sent: list[HostCall] = []

    def send(call: HostCall) -> Any:
        sent.append(call)
        return pb.ListVariablesResponse()

    assert run(list_variables("s", pattern), send) == []
    assert sent[0].request.pattern == asked


def test_listed_variables_are_sorted_and_sifted() -> None:
    moment = Timestamp(seconds=1)
    variables = [
        pb.Variable(name="b", type="float", version=3, last_updated_at=moment),
        pb.Variable(name="ab"),
        pb.Variable(name="c"),
    ]

    answer = pb.ListVariablesResponse(variables=variables)
    listed = run(list_variables("s", "*b"), lambda _: answer)

    assert [info.name for info in listed] == ["ab", "b"]
    assert listed[1].version == 4
    assert listed[1].updated_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert listed[0].updated_at is None


def test_a_moment_beyond_the_calendar_is_left_out() -> None:
    variable = pb.Variable(name="x", last_updated_at=Timestamp(seconds=2**60))

    [info] = run(
        list_variables("s", None), lambda _: pb.ListVariablesResponse(variables=[variable])
    )

    assert info.updated_at is None


@pytest.mark.parametrize("was_there", [True, False])
def test_deleting_says_what_the_host_says(*, was_there: bool) -> None:
    answer = pb.DeleteVariableResponse(success=was_there)

    assert run(delete_variable("s", "x"), lambda _: answer) is was_there


def test_deleting_a_missing_variable_is_no_failure() -> None:
    def send(_: HostCall) -> Any:
        raise VariableError("none")

    assert run(delete_variable("s", "x"), send) is False


def test_other_failures_to_delete_are_failures() -> None:
    def send(_: HostCall) -> Any:
        raise VersionConflictError("busy")

    with pytest.raises(VersionConflictError):
        run(delete_variable("s", "x"), send)
