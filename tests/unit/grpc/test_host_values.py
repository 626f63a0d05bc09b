from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import HostToolError, InvalidArgumentError
from snakepit_bridge.grpc.host_values import (
    LABEL,
    BinaryResult,
    binary_from,
    parameters_from,
    value_from,
    wire_value,
)


@pytest.mark.defect("D5")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        (True, b"true"),
        (42, b"42"),
        (2**70, b"1180591620717411303424"),
        (1.5, b"1.5"),
        ("text", b'"text"'),
        ("hé", '"hé"'.encode()),
        ([1, None], b"[1,null]"),
        ((1, 2), b"[1,2]"),
        ({"a": {"b": []}}, b'{"a":{"b":[]}}'),
        (float("nan"), b'"NaN"'),
        (date(2030, 1, 2), b'"2030-01-02"'),
    ],
)
def test_every_argument_is_json_under_the_one_label_that_snakepit_uses(
    value: object, text: bytes
) -> None:
    """A str, list, dict or None once went as a packed message that Elixir could not read."""
    parameters = parameters_from({"a": value})

    assert parameters["a"].type_url == LABEL
    assert parameters["a"].value == text


def test_every_argument_without_a_json_form_is_named_with_its_place() -> None:
    args = {
        "fine": 1,
        "image": b"",
        "pages": [1, {"scan": bytearray(b"x")}],
        "view": memoryview(b""),
    }

    with pytest.raises(InvalidArgumentError) as caught:
        parameters_from({**args, "odd": {1, 2}, "number": 1j})

    reasons = caught.value.details["arguments"]
    assert reasons.keys() == {"image", "pages", "view", "odd", "number"}
    assert reasons["image"] == "$ is of type 'bytes', which JSON cannot express"
    assert reasons["pages"].startswith("$[1].scan is of type 'bytearray'")
    assert "base64" in caught.value.hint


def test_names_of_arguments_must_be_text() -> None:
    args: dict[Any, object] = {1: "one"}

    with pytest.raises(InvalidArgumentError, match="unlike 1"):
        parameters_from(args)


def test_a_single_value_without_a_json_form_is_named_with_its_place() -> None:
    with pytest.raises(InvalidArgumentError, match=r"The value of 'x' .*\$\[1\]") as caught:
        wire_value([1, b"x"], "The value of 'x'")

    assert caught.value.details["path"] == "$[1]"


@pytest.mark.parametrize("label", ["", LABEL, "type.googleapis.com/snakepit.float"])
def test_the_label_of_a_result_is_not_looked_at(label: str) -> None:
    assert value_from(WireValue(type_url=label, value=b"42"), "It") == 42
    assert type(value_from(WireValue(type_url=label, value=b"42"), "It")) is int


def test_what_is_no_json_is_shown_as_it_begins() -> None:
    wire = WireValue(type_url="x/y.Packed", value=b"\x0a\x05hello" + bytes(1000))

    with pytest.raises(HostToolError, match="The result cannot be read") as caught:
        value_from(wire, "The result")

    assert r"\n\x05hello" in caught.value.message
    assert len(caught.value.message) < 600
    assert caught.value.details["label"] == "x/y.Packed"
    assert caught.value.details["bytes"] == 1007


@pytest.mark.parametrize("description", [None, b"", b"null", b"{}"])
def test_bytes_without_a_description_are_just_bytes(description: bytes | None) -> None:
    wire = None if description is None else WireValue(value=description)

    assert binary_from(b"\xff", wire) == b"\xff"


@pytest.mark.parametrize(
    ("description", "metadata"), [(b'{"type":"png"}', {"type": "png"}), (b"#PID<1>", "#PID<1>")]
)
def test_bytes_keep_their_description(description: bytes, metadata: object) -> None:
    result = binary_from(b"\xff", WireValue(value=description))

    assert result == BinaryResult(data=b"\xff", metadata=metadata)


@pytest.mark.parametrize(
    ("type_name", "label"),
    [("any", LABEL), ("float", "type.googleapis.com/snakepit.float")],
)
def test_a_value_of_a_variable_is_labelled_with_its_type(type_name: str, label: str) -> None:
    assert wire_value(0.5, "It", type_name).type_url == label
