from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snakepit_bridge.values.json import limits as json_limits
from snakepit_bridge.values.json.limits import read_limited_json
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError, NotThisEncodingError

TEXTS = st.text(alphabet='ab:\\"{}[],é\n ', max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def read(data: bytes) -> Any:
    return read_limited_json(data, special_floats=True)


@given(value=VALUES, spaces=st.sampled_from([None, 0, 2]), escapes=st.booleans())
@example(value=[["]]]"] * 200, {":": ":"}], spaces=None, escapes=False)
def test_every_value_without_doubled_keys_is_read(
    value: object, spaces: int | None, *, escapes: bool
) -> None:
    assert read(json.dumps(value, indent=spaces, ensure_ascii=escapes).encode()) == value


def test_long_integers_do_not_hide_keys() -> None:
    assert read(b'[{"x":{"a":1%s,"b":1}}]' % (b"0" * 5000)) == [{"x": {"a": 10**5000, "b": 1}}]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"a":1,"a":2}', "$"),
        (b'[{"a":1,"b":1},{"a":1,"a":1}]', "$[1]"),
        (b'{"x":[{"a":1,"b":":","a":":"}]}', "$.x[0]"),
        (b'{"x":{"a":1,"\\u0061":2}}', "$.x"),
        (b'{"x":{"a":1,"a":2},"y":"\\u003a"}', "$.x"),
        (b'{"x":{"a":1%s,"a":2}}' % (b"0" * 5000), "$.x"),
    ],
)
def test_a_key_twice_is_refused_with_its_place(data: bytes, path: str) -> None:
    with pytest.raises(CannotReadError, match="has the key 'a' more than once") as caught:
        read(data)

    assert caught.value.path == path


@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b"[1,", b"]"), (b'["]",', b"]")]
)
def test_levels_are_counted(opening: bytes, closing: bytes) -> None:
    read(opening * (MAX_DEPTH - 1) + b"[]" + closing * (MAX_DEPTH - 1))

    with pytest.raises(CannotReadError, match="nested deeper than 200 levels") as caught:
        read(b"[" + opening * (MAX_DEPTH - 1) + b"[]" + closing * (MAX_DEPTH - 1) + b"]")

    assert caught.value.path.startswith("$[0]")


@pytest.mark.parametrize("row", [b'"[[["', b"[[1]]", b'{"a":[1]}'])
def test_many_brackets_are_not_many_levels(row: bytes) -> None:
    data = b"[" + b",".join([row] * 1000) + b"]"

    assert read(data) == json.loads(data)


@pytest.mark.parametrize(
    ("data", "members"),
    [
        (b"[1,2,3]", 3),
        (b'{"a":[],"b":{}}', 4),
        (b'["a,b,c","d[{"]', 2),
        (b'["\\"a,b,c\\\\",1]', 2),
        (b'[",\\\\\\",",1]', 2),
    ],
)
def test_members_are_counted_outside_of_texts(
    data: bytes, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_limits, "MAX_MEMBERS", members)
    assert read(data) == json.loads(data)

    monkeypatch.setattr(json_limits, "MAX_MEMBERS", members - 1)
    with pytest.raises(CannotReadError, match=f"more than {members - 1} members"):
        read(data)


@pytest.mark.parametrize("data", [b'[",,,', b'[",,,\\', b'[",,,\\"', b'"' * 9])
def test_a_text_without_end_has_no_members(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_limits, "MAX_MEMBERS", 2)

    with pytest.raises(NotThisEncodingError):
        read(data)
