from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.tagged.all_tags import TagReader
from snakepit_bridge.values.value_types import ValueTypes

TYPES = ValueTypes()

TAGS = [
    "tuple", "set", "frozenset", "dict", "slice", "bytes", "complex", "decimal", "special_float",
    "uuid", "datetime", "date", "time", "timedelta", "atom", "ref", "stream_ref", "callback",
    "tool", "blob", "object",
]  # fmt: skip


@TYPES.register(name="Spot")
@dataclass
class Spot:
    x: int


def _read(members: dict[str, Any]) -> Any:
    return TagReader(TYPES).read(members, BlobValues([Blob(kind="bytes", data=b"hi")]))


def _refusal(members: dict[str, Any]) -> CannotReadError:
    with pytest.raises(CannotReadError) as caught:
        _read(members)
    return caught.value


@pytest.mark.parametrize("name", TAGS)
def test_a_tag_without_its_fields_is_refused_with_an_example(name: str) -> None:
    error = _refusal({"__type__": name})

    assert error.reason.startswith(f'is a "{name}" tag without "')
    example = error.hint.removeprefix("Send e.g. ").partition(";")[0]
    assert example.startswith(f'{{"__type__": "{name}", "')


@pytest.mark.parametrize("name", sorted(set(TAGS) - {"object", "special_float"}))
def test_the_example_is_one(name: str) -> None:
    hint = _refusal({"__type__": name}).hint

    example = json.loads(hint.removeprefix("Send e.g. ").partition(";")[0])

    assert _read(example) != example


def test_tags_without_fields_are_read() -> None:
    assert _read({"__type__": "ellipsis"}) is ...
    assert _read({"__type__": "infinity"}) == float("inf")
    assert _read({"__type__": "neg_infinity"}) == float("-inf")
    assert str(_read({"__type__": "nan"})) == "nan"


def test_registered_types_are_built() -> None:
    assert _read({"__type__": "object", "class": "Spot", "value": {"x": 1}}) == Spot(1)
    assert _refusal({"__type__": "object", "class": "Spot", "value": {"y": 1}}).reason.startswith(
        "does not fit the type 'Spot'"
    )
    assert "is not registered" in _refusal({"__type__": "object", "class": "os", "value": 1}).reason
    assert "not text" in _refusal({"__type__": "object", "class": 1, "value": 1}).reason


def test_blobs_are_looked_up() -> None:
    assert _read({"__type__": "blob", "index": 0}) == b"hi"


@pytest.mark.parametrize("members", [{"__type__": "x"}, {"__type__": 1}, {"__type__": []},
                                     {"__snakebridge_ref__": 1}])  # fmt: skip
def test_unknown_tags_stay_as_they_are(members: dict[str, Any]) -> None:
    assert _read(members) is members


def test_a_ref_from_before_there_were_tags_is_read() -> None:
    found = _read({"__snakebridge_ref__": True, "ref_id": "r"})

    assert (type(found), found) == (Ref, "r")
    assert _refusal({"__snakebridge_ref__": True, "ref_id": 1}).reason == (
        'is a "ref" tag whose "ref_id" is 1, not text'
    )


@pytest.mark.parametrize("schema", [0, 2, True, 1.0, "1", None])
def test_another_schema_is_refused(schema: object) -> None:
    error = _refusal({"__type__": "tuple", "__schema__": schema, "elements": []})

    assert error.reason.endswith("only schema 1 is read here")
    assert error.hint == "Update this side, or send the schema it knows."
    assert _read({"__type__": "tuple", "__schema__": 1, "elements": []}) == ()
