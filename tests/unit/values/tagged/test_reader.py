from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError
from snakepit_bridge.values.tagged import reader as tagged_reader
from snakepit_bridge.values.tagged.reader import TaggedReader
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.strategies import same


def _read(data: bytes | str, blobs: Sequence[Blob] = ()) -> Any:
    data = data.encode() if isinstance(data, str) else data
    return TaggedReader(ValueTypes()).read(data, BlobValues(blobs))


def _refusal(data: bytes | str) -> CannotReadError:
    with pytest.raises(CannotReadError) as caught:
        _read(data)
    return caught.value


def _nested(levels: int, before: str, after: str) -> str:
    return before * levels + "1" + after * levels


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (' {"a": [1.0, null]} ', {"a": [1.0, None]}),
        ('{"__type__":"tuple","elements":[1,{"__type__":"tuple","value":[]}]}', (1, ())),
        ('{"\\u005f_type__":"tuple","elements":[]}', ()),
        ('{"__\\u0074ype__":"tuple","elements":[]}', ()),
        ('["\\u00e9"]', ["é"]),
        ('{"a":[0,{"b":{"__type__":"set","elements":[1]}}]}', {"a": [0, {"b": {1}}]}),
        ('{"__type__":"dict","pairs":[["__type__","tuple"]]}', {"__type__": "tuple"}),
        (
            '{"__type__":"dict","pairs":[[{"__type__":"tuple","elements":[1]},2]]}',
            {(1,): 2},
        ),
        ('[{"__type__":"unknown","a":{"__type__":"atom","value":"ok"}}]',
         [{"__type__": "unknown", "a": "ok"}]),
        ('{"__type__":["tuple"],"elements":[]}', {"__type__": ["tuple"], "elements": []}),
        ('{"__type__":null}', {"__type__": None}),
        ('{"__type__":"stop_iteration","__schema__":1}',
         {"__type__": "stop_iteration", "__schema__": 1}),
        ('{"__type__":"unknown","__schema__":2}', {"__type__": "unknown", "__schema__": 2}),
        ('{"__snakebridge_ref__":true}', {"__snakebridge_ref__": True}),
        ('["__type__"]', ["__type__"]),
    ],
)  # fmt: skip
def test_tags_become_values_and_everything_else_stays(text: str, value: object) -> None:
    assert same(_read(text), value)


def test_a_ref_from_before_there_were_tags_is_read() -> None:
    ref = _read('[{"__snakebridge_ref__":true,"ref_id":"r1","session_id":"s"}]')[0]

    assert (type(ref), ref, ref.session_id) == (Ref, "r1", "s")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"__type__":"tuple"}', '$ is a "tuple" tag without "elements"'),
        ('{"a":[0,{"__type__":"date","value":7}]}',
         '$.a[1] is a "date" tag whose "value" is 7, not text'),
        ('{"__type__":"tuple","elements":[1,{"__type__":"date"}]}',
         '$.elements[1] is a "date" tag without "value"'),
        ('{"a":1,"b":{"__type__":"set","__schema__":2,"elements":[]}}',
         '$.b is a "set" tag of schema 2; only schema 1 is read here'),
        ('{"__type__":"set","__schema__":true,"elements":[]}',
         '$ is a "set" tag of schema True; only schema 1 is read here'),
        ('{"__type__":"tuple","elements":[],"elements":[1]}',
         "$ has the key 'elements' more than once"),
        ('{"a":[{"b":1,"b":2}]}', "$.a[0] has the key 'b' more than once"),
        ('["\\ud800"]', "$[0] has a lone surrogate, which is half a character"),
        ("[%s]" % ("9" * 20_001), "$[0] is an integer of 20001 digits; at most 20000 are read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    error = _refusal(text)

    assert str(error) == message
    assert error.hint


@pytest.mark.parametrize("data", [b"", b"{", b"[1,]", b"\xff", b'"\xed\xa0\x80"', b"1 2", b'{"a"'])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    _refusal(data)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[", "]"),
        ('{"a":', "}"),
        ('{"__type__":"tuple","elements":[', "]}"),
        ('{"__type__":"frozenset","elements":[', "]}"),
        ('{"__type__":"dict","pairs":[[1,', "]]}"),
        ('{"__type__":"slice","stop":null,"step":null,"start":', "}"),
        ('{"__type__":"unknown","a":', "}"),
    ],
)
def test_values_are_read_down_to_the_limit_of_nesting(before: str, after: str) -> None:
    _read(_nested(MAX_DEPTH, before, after))

    for levels in (MAX_DEPTH + 1, 2 * MAX_DEPTH, 4 * MAX_DEPTH, 100_000):
        assert _refusal(_nested(levels, before, after)).reason == "is nested deeper than 200 levels"


def test_too_many_members_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged_reader, "MAX_MEMBERS", 10)

    assert _read('["%s"]' % (",[{" * 20)) == [",[{" * 20]
    assert _read('["' + ",[{" * 20 + '\\",,"]') == [",[{" * 20 + '",,']
    assert _read("[1,2,3,4,5,6,7,8,9]")
    assert _refusal('["\\\\",' + "1," * 20 + "1]").reason == "has more than 10 members"
    _refusal('["' + '\\"' * 20 + "," * 20 + "\\")


def test_blobs_are_found_by_their_places() -> None:
    blobs = [Blob(kind="bytes", data=b"a"), Blob(kind="bytes", data=b"b")]
    text = '[{"__type__":"blob","index":1},{"__type__":"blob","index":0}]'

    assert _read(text, blobs) == [b"b", b"a"]


_NAMES = st.sampled_from(
    [
        "tuple", "set", "frozenset", "dict", "slice", "ellipsis", "bytes", "complex", "decimal",
        "special_float", "uuid", "datetime", "date", "time", "timedelta", "atom", "ref",
        "stream_ref", "callback", "tool", "blob", "object", "nan", "unknown",
    ]
)  # fmt: skip
_FIELDS = st.sampled_from(
    [
        "elements", "value", "pairs", "data", "real", "imag", "days", "seconds", "microseconds",
        "start", "stop", "step", "zone", "fold", "id", "ref_id", "session_id", "type_name", "name",
        "arity", "index", "kind", "dtype", "shape", "class", "__schema__",
    ]
)  # fmt: skip
_TEXTS = st.text(max_size=8) | st.sampled_from(
    ["2026-01-31", "12:30", "1e999", "NaN", "sNaN", "aGk=", "bytes", "tensor", "float32", "Europe"]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.integers() | st.floats() | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.lists(inner, min_size=2, max_size=2), max_size=3)
        | st.dictionaries(_FIELDS, inner, max_size=3)
        | st.builds(
            lambda name, members: {"__type__": name, **members},
            _NAMES,
            st.dictionaries(_FIELDS, inner, max_size=5),
        )
    ),
    max_leaves=15,
)


@given(value=_JSON)
def test_whatever_arrives_with_tags_is_read_or_refused(value: object) -> None:
    blob = Blob(kind="tensor", dtype="float32", shape=(1,), data=b"1234")

    try:
        _read(json.dumps(value), [blob])
    except CannotReadError as error:
        refusal = error
    else:
        return

    assert refusal.reason
    assert refusal.hint


@given(data=st.binary() | st.text(alphabet='[]{}",:\\u05f0123__type.eE+-nul').map(str.encode))
def test_whatever_arrives_is_read_or_refused(data: bytes) -> None:
    try:
        found = _read(data)
    except CannotReadError:
        return

    assert found is None or found == found or found != found  # noqa: PLR0124
