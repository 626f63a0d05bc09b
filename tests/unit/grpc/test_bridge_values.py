from __future__ import annotations

import json
import pickle
import struct
from datetime import UTC, datetime
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_values import (
    constraints_from,
    value_from,
    wire_text,
    wire_value,
    wire_variable,
)
from snakepit_bridge.session.variable_records import Claim, Record
from snakepit_bridge.session.variables import VariableStore, VariableUpdate

AT = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
PREFIX = "type.googleapis.com/snakepit."


def _wire(text: str | bytes, label: str = "") -> WireValue:
    return WireValue(type_url=label, value=text.encode() if isinstance(text, str) else text)


def _read(text: str | bytes, type_name: str = "", *, label: str = "", binary: bytes = b"") -> Any:
    return value_from(_wire(text, label), binary, type_name, "The value of variable 'x'")


def _record(value: Any, **update: Any) -> Record:
    store = VariableStore(now=lambda: AT)
    return store.update("s", VariableUpdate(name="x", value=value, **update))


# --- in: JSON -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("true", True),
        ("42", 42),
        ("1.0", 1.0),
        (str(2**70), 2**70),
        ('"ö"', "ö"),
        ('[1, "a", null]', [1, "a", None]),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ('"NaN"', "NaN"),
    ],
)
@pytest.mark.parametrize(
    "label", ["", "type.googleapis.com/google.protobuf.StringValue", "dspex.variables/any"]
)
def test_json_is_read_whatever_its_label(text: str, value: Any, label: str) -> None:
    assert repr(_read(text, label=label)) == repr(value)


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("float", "1", 1),
        ("float", '"Infinity"', inf),
        ("float", '"-Infinity"', -inf),
        ("float", "-Infinity", -inf),
        ("integer", "3.0", 3),
        ("integer", "3.5", 3.5),
        ("integer", '"3"', "3"),
        ("boolean", '"true"', True),
        ("boolean", '"false"', False),
        ("boolean", "1", True),
        ("boolean", "0", False),
        ("boolean", "2", 2),
        ("boolean", "1.0", 1.0),
        ("embedding", "[1, 2.5]", [1.0, 2.5]),
        ("embedding", '["Infinity", true]', [inf, True]),
        ("embedding", "[1" + "0" * 400 + "]", [10**400]),
        ("embedding", '{"a": 1}', {"a": 1}),
        ("string", '"NaN"', "NaN"),
        ("tensor", '{"shape": [1], "data": [1]}', {"shape": [1], "data": [1]}),
    ],
)
def test_a_value_takes_the_form_that_its_type_has(type_name: str, text: str, value: Any) -> None:
    assert repr(_read(text, type_name)) == repr(value)


def test_no_number_is_a_float_too() -> None:
    assert isnan(_read('"NaN"', "float"))
    assert isnan(_read("NaN"))


@pytest.mark.parametrize(
    ("label", "text", "value"),
    [
        ("snakepit.float", "1", 1.0),
        ("snakepit.float", '"Infinity"', inf),
        ("snakepit.integer", "1.0", 1),
        ("snakepit.tensor", '{"shape": [1], "data": [1]}', {"shape": [1], "data": [1]}),
        ("snakepit.string", '"1"', "1"),
    ],
)
def test_a_label_says_what_the_type_of_the_variable_does_not(
    label: str, text: str, value: Any
) -> None:
    assert repr(_read(text, label=f"type.googleapis.com/{label}")) == repr(value)
    assert repr(_read(text, label=f"dspex.variables/{label.split('.')[1]}")) == repr(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing was sent"),
        ("{", "at byte"),
        (b"\xff", "not UTF-8"),
        (b"\n\x05hello", "a packed google.protobuf.StringValue"),
        ("1e999", "beyond the range"),
        ('"\\ud800"', "lone surrogate"),
        ("[" * 100_000, "deeper than 200 levels"),
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(
        InvalidArgumentError, match="The value of variable 'x' cannot be read"
    ) as it:
        _read(text)

    assert reason in it.value.message
    assert it.value.hint


def test_a_value_that_is_not_what_its_label_says_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="labelled 'integer', which it is not"):
        _read("1.5", label=PREFIX + "integer")


# --- in: bytes ----------------------------------------------------------------------------------

FLOATS = struct.pack("<4f", 1, 2, 3, 4)


@pytest.mark.parametrize(
    "label", [PREFIX + "tensor.binary", "type.googleapis.com/x", ""], ids=["label", "other", "none"]
)
def test_a_tensor_may_come_as_raw_bytes(label: str) -> None:
    description = {"dtype": "float32", "shape": [2, 2], "binary_format": "raw"}

    for facts, type_name in (({"type": "tensor", **description}, ""), (description, "tensor")):
        read = _read(json.dumps(facts), type_name, label=label, binary=FLOATS)

        assert read == {"shape": [2, 2], "data": [[1.0, 2.0], [3.0, 4.0]]}


def test_an_embedding_may_come_as_raw_bytes() -> None:
    read = _read(
        '{"dtype": "int8"}', label=PREFIX + "embedding.binary", binary=struct.pack("<2b", 1, -2)
    )

    assert repr(read) == "[1.0, -2.0]"


@pytest.mark.parametrize(
    "text", ["", "{}", "null", '{"type": "bytes"}', '{"binary_format": "raw"}']
)
def test_bytes_that_nothing_is_said_of_stay_bytes(text: str) -> None:
    assert _read(text, binary=b"\x00\xff") == b"\x00\xff"


def test_no_bytes_at_all_are_bytes_under_their_label() -> None:
    assert _read('{"type":"bytes"}', label=PREFIX + "bytes.binary") == b""


@pytest.mark.defect("D4")
@pytest.mark.parametrize("form", ["pickle", "erlang_binary", "npy"])
def test_no_other_form_of_bytes_is_read(form: str) -> None:
    description = {"dtype": "float32", "shape": [4], "binary_format": form, "type": "tensor"}
    data = pickle.dumps([1.0, 2.0, 3.0, 4.0])

    with pytest.raises(InvalidArgumentError, match=f"in the form '{form}'") as caught:
        _read(json.dumps(description), label=PREFIX + "tensor.binary", binary=data)

    assert "'raw'" in caught.value.hint


@pytest.mark.defect("D4")
def test_a_pickle_that_says_nothing_of_itself_is_only_bytes() -> None:
    data = pickle.dumps(print)

    assert _read("", binary=data) == data


def test_a_description_that_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="The description of the value of variable 'x'"):
        _read("{", binary=b"1")


# --- in: constraints ----------------------------------------------------------------------------


def test_constraints_are_a_json_object() -> None:
    assert constraints_from('{"min": 0}', "They") == {"min": 0}
    assert constraints_from("", "They") is None
    for wrong in ("[]", "{"):
        with pytest.raises(InvalidArgumentError, match="They "):
            constraints_from(wrong, "They")


# --- out ----------------------------------------------------------------------------------------


def test_everything_about_a_variable_is_told() -> None:
    record = _record(
        1,
        type="float",
        constraints={"min": 0, "max": inf},
        metadata={"why": "start"},
        source="elixir",
    )

    told = wire_variable(record)

    assert (told.id, told.name, told.type, told.version) == (record.id, "x", "float", 0)
    assert (told.value.type_url, told.value.value) == (PREFIX + "float", b"1.0")
    assert json.loads(told.constraints_json) == {"min": 0, "max": "Infinity"}
    assert dict(told.metadata) == {"why": "start", "source": "elixir"}
    assert told.source == pb.Variable.ELIXIR
    assert told.last_updated_at.ToDatetime(tzinfo=UTC) == AT
    assert not told.optimization_status.optimizing
    assert told.binary_value == b""


def test_a_changed_variable_tells_when_and_by_whom() -> None:
    store = VariableStore(now=lambda: AT)
    for value in (1, 2):
        store.set("s", VariableUpdate(name="x", value=value))

    told = wire_variable(*store.look("s", "x"))

    assert told.version == 1
    assert dict(told.metadata) == {"source": "python", "updated_at": "2030-01-01T12:30:00+00:00"}
    assert told.source == pb.Variable.PYTHON


def test_a_claimed_variable_tells_who_works_on_it() -> None:
    claim = Claim(id="opt_1", optimizer_id="mipro", started_at=AT)

    status = wire_variable(_record(1), claim).optimization_status

    assert (status.optimizing, status.optimizer_id) == (True, "mipro")
    assert status.started_at.ToDatetime(tzinfo=UTC) == AT


@pytest.mark.parametrize(
    ("value", "update", "label", "text"),
    [
        (None, {}, "any", "null"),
        (True, {}, "boolean", "true"),
        (2**70, {}, "integer", str(2**70)),
        (nan, {}, "float", '"NaN"'),
        ("ö", {}, "string", '"ö"'),
        ((1, 2), {}, "list", "[1,2]"),
        ({1: "a"}, {}, "map", '{"1":"a"}'),
        (np.array([1.5, 2.0]), {"type": "embedding"}, "embedding", "[1.5,2.0]"),
        (np.eye(2), {"type": "tensor"}, "tensor", '{"shape":[2,2],"data":[[1.0,0.0],[0.0,1.0]]}'),
        (np.array([1]), {}, "any", "[1]"),
        (
            {"a": b"1"},
            {},
            "map",
            '{"a":{"__ffi_unserializable__":true,"__type__":"builtins.bytes"}}',
        ),
    ],
)
def test_values_are_json_under_the_label_of_their_type(
    value: Any, update: dict[str, Any], label: str, text: str
) -> None:
    wire, binary = wire_value(_record(value, **update))

    assert (wire.type_url, wire.value.decode(), binary) == (PREFIX + label, text, b"")


@pytest.mark.parametrize("value", [b"\x00\xff", b"", bytearray(b"a")])
def test_bytes_are_beside_their_description_and_come_back(value: bytes) -> None:
    wire, binary = wire_value(_record(value))

    assert wire.type_url == PREFIX + "bytes.binary"
    assert binary == bytes(value)
    assert value_from(wire, binary, "", "It") == bytes(value)


def test_where_there_is_no_place_for_bytes_a_marker_stands_for_them() -> None:
    marker = {"__ffi_unserializable__": True, "__type__": "builtins.bytes"}

    assert json.loads(wire_text(_record(b"1")).value) == marker


def test_a_value_that_json_cannot_express_hides_no_other() -> None:
    wire, _ = wire_value(_record({1: "a", "1": "b"}))

    assert json.loads(wire.value) == {"__ffi_unserializable__": True, "__type__": "builtins.dict"}
