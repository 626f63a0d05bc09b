from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from google.protobuf.any_pb2 import Any as WireValue
from google.protobuf.wrappers_pb2 import StringValue

from snakepit_bridge.adapters.serialization import TypeSerializer
from snakepit_bridge.grpc.host_values import BinaryResult
from snakepit_bridge.values.detail import Detail
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef
from tests.ids import shown

TEXT = "type.googleapis.com/google.protobuf.StringValue"


@pytest.mark.parametrize(
    ("value", "type_name", "text"),
    [
        (42, "float", "42.0"),
        (math.nan, "float", '"NaN"'),
        (math.inf, "float", '"Infinity"'),
        (-math.inf, "float", '"-Infinity"'),
        (42.0, "integer", "42"),
        (42, "string", '"42"'),
        ([1, 2], "embedding", "[1.0,2.0]"),
        (np.array([[1], [2]]), "tensor", '{"shape":[2,1],"data":[[1],[2]]}'),
        ({"a": (1, np.float32(1.5))}, "map", '{"a":[1,1.5]}'),
        ({1: 1j}, "any", '{"1":{"__ffi_unserializable__":true,"__type__":"builtins.complex"}}'),
        (ZeroCopyRef({"kind": "arrow"}), "any", '{"__snakepit_zero_copy__":true,"kind":"arrow"}'),
        (
            ZeroCopyRef({"kind": "arrow"}),
            "string",
            '{"__snakepit_zero_copy__":true,"kind":"arrow"}',
        ),
    ],
    ids=shown,
)
def test_a_value_is_written_under_its_type(value: object, type_name: str, text: str) -> None:
    written, binary = TypeSerializer.encode_any(value, type_name)

    assert written.value.decode() == text
    assert written.type_url == f"type.googleapis.com/snakepit.{type_name}"
    assert binary is None


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (1.5, "integer"),
        ("\ud800", "string"),
        ({1: 2, "1": 3}, "map"),
        ([10**400], "embedding"),
    ],
)
def test_what_cannot_be_written_is_refused(value: object, type_name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TypeSerializer.encode_any(value, type_name)


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (3.25, "float"),
        (-math.inf, "float"),
        (2**70, "integer"),
        ("hé", "string"),
        (True, "boolean"),
        ("a", "choice"),
        ([0.5, math.inf], "embedding"),
        ({"a": [1, None]}, "map"),
        (ZeroCopyRef({"__snakepit_zero_copy__": True, "kind": "arrow"}), "any"),
    ],
    ids=shown,
)
def test_a_value_comes_back(value: object, type_name: str) -> None:
    assert TypeSerializer.decode_any(*TypeSerializer.encode_any(value, type_name)) == value


@pytest.mark.defect("D4")
@pytest.mark.parametrize("rows", [2, 2000])
def test_a_tensor_comes_back_as_an_array_of_any_size(rows: int) -> None:
    """Once a large one came back as a dict, and as floats of another type."""
    array = np.arange(rows * 3, dtype=np.int32).reshape(rows, 3)

    written, binary = TypeSerializer.encode_any(array, "tensor")
    returned = TypeSerializer.decode_any(written, binary)

    np.testing.assert_array_equal(returned, array)
    assert (binary is not None) == (rows == 2000)


@pytest.mark.defect("D4")
def test_a_large_tensor_is_raw_bytes_beside_their_description() -> None:
    array = np.arange(2000, dtype=np.float32)

    written, binary = TypeSerializer.encode_any(array, "tensor")

    assert written.type_url == "type.googleapis.com/snakepit.tensor.binary"
    assert json.loads(written.value) == {
        "shape": [2000],
        "dtype": "float32",
        "binary_format": "raw",
        "type": "tensor",
    }
    assert binary == array.tobytes()


def test_a_large_embedding_in_a_list_is_raw_bytes_too() -> None:
    value = [0.5] * 2000

    written, binary = TypeSerializer.encode_any(value, "embedding")

    assert binary is not None
    assert len(binary) == 16_000
    assert TypeSerializer.decode_any(written, binary) == value


class Explosive:
    """Would tell if somebody unpickled it."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("unpickled",))


@pytest.mark.defect("D4", "D35")
@pytest.mark.parametrize("binary_format", ["pickle", "raw", None])
def test_pickled_data_are_never_read(binary_format: str | None) -> None:
    description = {"shape": [1], "dtype": "float32", "binary_format": binary_format}
    wire = WireValue(
        type_url="type.googleapis.com/snakepit.tensor.binary",
        value=json.dumps(description).encode(),
    )

    with pytest.raises(ValueError, match=r"."):
        TypeSerializer.decode_any(wire, pickle.dumps(Explosive()))


def test_a_description_without_its_bytes_is_what_it_is() -> None:
    wire = WireValue(type_url="type.googleapis.com/snakepit.tensor.binary", value=b'{"shape":[1]}')

    assert TypeSerializer.decode_any(wire) == {"shape": [1]}


@pytest.mark.parametrize(
    ("label", "value", "read"),
    [
        (TEXT, b'"hello"', "hello"),
        ("", b"[1]", [1]),
        ("dspex.variables/float", b"3", 3.0),
        ("dspex.variables/integer", b"3.0", 3),
        ("type.googleapis.com/google.protobuf.Value", b"true", True),
    ],
)
def test_a_label_may_come_from_anywhere(label: str, value: bytes, read: object) -> None:
    found = TypeSerializer.decode_any(WireValue(type_url=label, value=value), None)

    assert found == read
    assert type(found) is type(read)


@pytest.mark.defect("D6")
def test_bytes_beside_a_value_are_not_lost() -> None:
    png = WireValue(type_url=TEXT, value=b'{"content_type":"image/png"}')

    assert TypeSerializer.decode_any(WireValue(type_url=TEXT, value=b"{}"), b"\x89") == b"\x89"
    assert TypeSerializer.decode_any(png, b"\x89") == BinaryResult(
        data=b"\x89", metadata={"content_type": "image/png"}
    )
    assert TypeSerializer.decode_any(png, b"") == {"content_type": "image/png"}


@pytest.mark.parametrize("value", [b"", b"hello", StringValue(value="hello").SerializeToString()])
def test_what_is_not_json_is_refused_as_the_standard_library_does(value: bytes) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        TypeSerializer.decode_any(WireValue(type_url=TEXT, value=value))

    assert "JSON" in str(caught.value)


@pytest.mark.parametrize(
    ("label", "value"), [("x/float", b'"many"'), ("x/integer", b"1.5"), ("x/map", b"[1e999]")]
)
def test_what_is_not_what_its_label_says_is_refused(label: str, value: bytes) -> None:
    with pytest.raises(ValueError, match=r"\$") as caught:
        TypeSerializer.decode_any(WireValue(type_url=label, value=value))

    assert not isinstance(caught.value, json.JSONDecodeError)


def test_constraints_are_checked() -> None:
    TypeSerializer.validate_constraints(0.5, "float", {"max": 1})

    with pytest.raises(ValueError, match="against its constraint max=1"):
        TypeSerializer.validate_constraints(1.5, "float", {"max": 1})


def test_a_subclass_may_have_another_fallback() -> None:
    class Telling(TypeSerializer):
        fallback = Fallback(detail=Detail.TYPE)

    written, _ = Telling.encode_any([1j], "list")

    assert b'"__repr__":"<unserializable builtins.complex>"' in written.value
