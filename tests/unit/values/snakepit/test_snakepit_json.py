from __future__ import annotations

import array
import enum
import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError
from snakepit_bridge.values.detail import Detail
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.snakepit_json import Binary, SnakepitJson, Typed
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef
from tests.ids import shown


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Pair(NamedTuple):
    a: int
    b: int


@dataclass
class Point:
    x: int
    y: float


class Secretive:
    def __repr__(self) -> str:
        return "Secretive(password='hunter2')"


HANDLE = ZeroCopyRef({"__snakepit_zero_copy__": True, "kind": "arrow", "bytes": 24})
HANDLE_TEXT = '{"__snakepit_zero_copy__":true,"kind":"arrow","bytes":24}'


def _marker(type_name: str) -> str:
    return f'{{"__ffi_unserializable__":true,"__type__":"{type_name}"}}'


@pytest.fixture
def snakepit() -> SnakepitJson:
    return SnakepitJson(Fallback())


@pytest.fixture
def old() -> SnakepitJson:
    return SnakepitJson(Fallback(), upstream=True)


RESULTS = [
    (None, "null", "string"),
    (True, "true", "boolean"),
    (False, "false", "boolean"),
    (42, "42", "float"),
    (-7, "-7", "float"),
    (2**53 + 1, "9007199254740993", "float"),
    (2**70, "1180591620717411303424", "float"),
    (10**400, "1" + "0" * 400, "float"),
    (3.5, "3.5", "float"),
    (math.nan, '"NaN"', "float"),
    (math.inf, '"Infinity"', "float"),
    (-math.inf, '"-Infinity"', "float"),
    ("hé", '"hé"', "string"),
    ("NaN", '"NaN"', "string"),
    ((1, 2), "[1,2]", "list"),
    ([1, 2], "[1,2]", "list"),
    ({"a": 1}, '{"a":1}', "map"),
    ({1: 2, None: 3}, '{"1":2,"null":3}', "map"),
    ({1}, _marker("builtins.set"), "map"),
    (frozenset({1}), _marker("builtins.frozenset"), "map"),
    (datetime.fromisoformat("2026-01-11T10:30:00"), '"2026-01-11T10:30:00"', "string"),
    (datetime(2026, 1, 11, 10, 30, tzinfo=UTC), '"2026-01-11T10:30:00+00:00"', "string"),
    (date(2026, 1, 11), '"2026-01-11"', "string"),
    (time(1, 2, 3), '"01:02:03"', "string"),
    (timedelta(days=1), _marker("datetime.timedelta"), "map"),
    (Decimal("1.10"), _marker("decimal.Decimal"), "map"),
    (1j, _marker("builtins.complex"), "map"),
    (range(3), _marker("builtins.range"), "map"),
    (UUID(int=1), '"00000000-0000-0000-0000-000000000001"', "string"),
    (Color.RED, '"red"', "string"),
    (Size.LARGE, "3", "float"),
    (Pair(1, 2), '{"a":1,"b":2}', "map"),
    (Point(1, 2.0), '{"x":1,"y":2.0}', "map"),
    (np.float64(1.5), "1.5", "float"),
    (np.float64("nan"), '"NaN"', "float"),
    (np.float32(1.5), "1.5", "float"),
    (np.int64(5), "5", "float"),
    (np.bool_(True), "true", "boolean"),  # noqa: FBT003  (its constructor)
    (np.arange(3), "[0,1,2]", "list"),
    (np.array([[1.5, np.nan]]), '[[1.5,"NaN"]]', "list"),
    (array.array("d", [1.5]), "[1.5]", "list"),
    (HANDLE, HANDLE_TEXT, "map"),
    (Secretive(), _marker(f"{__name__}.Secretive"), "map"),
    (Point, _marker("builtins.type"), "map"),
]


@pytest.mark.defect("D1", "D2", "D3")
@pytest.mark.parametrize(("value", "text", "label"), RESULTS, ids=lambda value: repr(value)[:30])
def test_a_result_is_written_as_what_it_is(
    snakepit: SnakepitJson, value: object, text: str, label: str
) -> None:
    encoded = snakepit.encode(value)

    assert encoded.value.decode() == text
    assert encoded.label == label
    assert encoded.binary is None


@pytest.mark.defect("D1", "D3")
@pytest.mark.parametrize(
    ("value", "text"), [row[:2] for row in RESULTS], ids=lambda v: repr(v)[:30]
)
def test_a_value_is_written_the_same_way_wherever_it_stands(
    snakepit: SnakepitJson, value: object, text: str
) -> None:
    assert snakepit.encode([value]).value.decode() == f"[{text}]"
    assert snakepit.encode({"a": {"b": value}}).value.decode() == f'{{"a":{{"b":{text}}}}}'


@pytest.mark.defect("D44")
def test_results_are_the_same_without_orjson(
    snakepit: SnakepitJson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "orjson", None)

    written = [snakepit.encode(value).value.decode() for value, _, _ in RESULTS]

    assert written == [text for _, text, _ in RESULTS]


@pytest.mark.defect("D1")
@pytest.mark.parametrize("data", [b"\x89PNG", bytearray(b"\x89PNG"), memoryview(b"\x89PNG")])
def test_bytes_are_a_result_of_their_own(snakepit: SnakepitJson, data: object) -> None:
    encoded = snakepit.encode(data)

    assert encoded == Encoded(b"{}", label="map", binary=b"\x89PNG")
    assert snakepit.decode(encoded) == b"\x89PNG"


def test_no_bytes_are_empty_text_which_is_the_same_in_elixir(snakepit: SnakepitJson) -> None:
    assert snakepit.encode(b"") == Encoded(b'""', label="string")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"hi", _marker("builtins.bytes")),
        (bytearray(b"hi"), _marker("builtins.bytearray")),
        (memoryview(b"hi"), "[104,105]"),
    ],
)
def test_bytes_inside_a_result_are_marked(snakepit: SnakepitJson, data: object, text: str) -> None:
    assert snakepit.encode([data]).value.decode() == f"[{text}]"


@pytest.mark.defect("D1")
def test_no_repr_leaves_unless_the_operator_wants_it() -> None:
    told = SnakepitJson(Fallback(detail=Detail.REDACTED_REPR))

    assert b"hunter2" not in SnakepitJson(Fallback()).encode(Secretive()).value
    assert b"Secretive(password='<REDACTED>')" in told.encode(Secretive()).value


def test_a_result_that_cannot_travel_names_its_place(snakepit: SnakepitJson) -> None:
    with pytest.raises(HandlerFailedError, match=r"as json: \$\.a has a lone surrogate"):
        snakepit.encode({"a": "\ud800"})
    with pytest.raises(HandlerFailedError, match=r"is what several keys are written as"):
        snakepit.encode(Pair({1: 2, "1": 3}, 0))  # type: ignore[arg-type]  # whatever it holds


def test_arguments_arrive_as_what_they_were(snakepit: SnakepitJson) -> None:
    read = snakepit.decode_args(
        {
            "plain": b'{"n":1180591620717411303424}',
            "typed": Typed("dspex.variables/float", b'"Infinity"'),
            "binary": Binary(b"\x00\xff"),
            "handle": HANDLE_TEXT.encode(),
        }
    )

    assert read == {
        "plain": {"n": 2**70},
        "typed": math.inf,
        "binary": b"\x00\xff",
        "handle": HANDLE,
    }


@pytest.mark.defect("D4", "D35")
def test_every_wrong_argument_is_named(snakepit: SnakepitJson) -> None:
    args: dict[str, bytes | Typed | Binary] = {
        "fine": b"1",
        "empty": b"",
        "bare": b"hello",
        "packed": StringValue(value="hello").SerializeToString(),
        "pickled": Typed("type.googleapis.com/snakepit.tensor.binary", b"\x80\x04N."),
        "labelled": Typed("type.googleapis.com/snakepit.integer", b"1.5"),
    }

    with pytest.raises(InvalidArgumentError) as caught:
        snakepit.decode_args(args)

    reasons = caught.value.details["arguments"]
    assert reasons.keys() == {"empty", "bare", "packed", "pickled", "labelled"}
    assert reasons["empty"] == "nothing was sent"
    assert reasons["packed"] == "a packed google.protobuf.StringValue"
    assert "'packed' (a packed google.protobuf.StringValue)" in caught.value.message
    assert "Pickled data are never read" in caught.value.hint


def test_bytes_are_no_json_argument(snakepit: SnakepitJson) -> None:
    with pytest.raises(InvalidArgumentError, match=r"'a'.*'bytes', which JSON cannot express"):
        snakepit.encode_args({"a": b"hi"})


def test_an_answer_that_is_not_json_is_refused(snakepit: SnakepitJson) -> None:
    with pytest.raises(InvalidArgumentError, match="answer cannot be read as json: nothing"):
        snakepit.decode(Encoded(b""))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, '"None"'),
        (True, "true"),
        (42, "42.0"),
        (2**53 + 1, "9007199254740992.0"),
        (3.5, "3.5"),
        (math.nan, '"NaN"'),
        ("hé", '"hé"'),
        ((1, 2), '"(1, 2)"'),
        (b"hi", "\"b'hi'\""),
        (datetime.fromisoformat("2026-01-11T10:30:00"), '"2026-01-11 10:30:00"'),
        (Decimal("1.10"), '"1.10"'),
        (Color.RED, '"Color.RED"'),
        (Size.LARGE, "3.0"),
        (np.int64(5), '"5"'),
        (np.arange(3), '"[0 1 2]"'),
        ([1, None, (2,)], "[1,null,[2]]"),
        ({"a": 1}, '{"a":1}'),
        (HANDLE, HANDLE_TEXT),
    ],
    ids=shown,
)
def test_the_old_shapes_are_there_for_who_relies_on_them(
    old: SnakepitJson, value: object, text: str
) -> None:
    encoded = old.encode(value)

    assert encoded.value.decode() == text
    assert encoded.binary is None


@pytest.mark.parametrize(("value", "label"), [(42, "float"), (None, "string"), (True, "boolean")])
def test_the_old_shapes_have_the_same_labels(old: SnakepitJson, value: object, label: str) -> None:
    assert old.encode(value).label == label


def test_an_old_shape_that_cannot_be_is_refused(old: SnakepitJson) -> None:
    with pytest.raises(HandlerFailedError, match="beyond the range of 64-bit floats"):
        old.encode(10**400)


@pytest.mark.defect("D4", "D35")
def test_the_old_shapes_do_not_bring_pickle_back(old: SnakepitJson) -> None:
    pickled = Typed("type.googleapis.com/snakepit.tensor.binary", b"\x80\x04N.")

    with pytest.raises(InvalidArgumentError):
        old.decode_args({"a": pickled})


# --- any value ------------------------------------------------------------------------------------


def _key_text(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def _clash_free(members: dict[Any, Any]) -> bool:
    return len({_key_text(key) for key in members}) == len(members)


# Without lone surrogates, which are refused.
TEXTS = st.text(st.characters(codec="utf-8"))
KEYS = TEXTS | st.integers() | st.booleans() | st.none()
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.binary()
    | st.dates()
    | st.sampled_from([Color.RED, Size.LARGE, 1j]),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner).filter(_clash_free)
        | st.builds(Pair, inner, inner)
        | st.builds(Point, inner, inner)
    ),
)


def _in_elixir(value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912  (a table in the form of code)
    """What Elixir holds after decoding the JSON of a value, written with Python's own types."""
    match value:
        case Color() | Size():
            return value.value
        case Pair(a=a, b=b):
            return {"a": _in_elixir(a), "b": _in_elixir(b)}
        case Point(x=x, y=y):
            return {"x": _in_elixir(x), "y": _in_elixir(y)}
        case dict():
            return {_key_text(key): _in_elixir(member) for key, member in value.items()}
        case list() | tuple():
            return [_in_elixir(member) for member in value]
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else ["-Infinity", "Infinity"][value > 0]
        case date():
            return value.isoformat()
        case bytes() | complex():
            return {"__ffi_unserializable__": True, "__type__": f"builtins.{type(value).__name__}"}
        case _:
            return value


@given(value=VALUES)
def test_any_value_reaches_elixir_as_the_nearest_thing_there_is(value: Any) -> None:
    encoded = SnakepitJson(Fallback()).encode(value)

    if isinstance(value, bytes):
        assert (encoded.binary or b"") == value
    else:
        read = json.loads(encoded.value, parse_constant=pytest.fail)
        assert repr(read) == repr(_in_elixir(value))


LABELS = {bool: "boolean", int: "float", float: "float", str: "string", list: "list", dict: "map"}


@given(value=VALUES.filter(lambda value: value is not None and not isinstance(value, bytes)))
def test_the_label_says_what_the_text_is(value: Any) -> None:
    encoded = SnakepitJson(Fallback()).encode(value)

    expected = "float" if isinstance(value, float) else LABELS[type(_in_elixir(value))]
    assert encoded.label == expected


@given(value=VALUES)
def test_what_comes_back_from_elixir_is_what_elixir_held(value: Any) -> None:
    snakepit = SnakepitJson(Fallback())
    text = snakepit.encode([value]).value

    assert repr(snakepit.decode_args({"a": text})["a"]) == repr([_in_elixir(value)])
