"""What no bytes from outside can do: each bomb is refused, with its place and a way out."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.blob import ARROW, BYTES, TENSOR, Blob
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.old_convention import OldConvention
from snakepit_bridge.values.json.plain_json import PlainJson
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.snakepit.encodings import SnakepitEncoding
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson
from snakepit_bridge.values.tagged.tagged import Tagged

JSON: Mapping[str, Encoding] = {"json": PlainJson(Fallback()), "snakepit": SnakepitJson(Fallback())}

TAGGED: Mapping[str, Encoding] = {
    "tagged": Tagged(Fallback()),
    "snakepit-tagged": SnakepitEncoding(Tagged(Fallback())),
}

MESSAGE_PACK: Mapping[str, Encoding] = {
    "msgpack": MessagePack(Fallback()),
    "snakepit-msgpack": SnakepitEncoding(MessagePack(Fallback())),
}

WITH_BLOBS: Mapping[str, Encoding] = {
    "json": JSON["json"],
    "tagged": TAGGED["tagged"],
    "msgpack": MESSAGE_PACK["msgpack"],
}

MOST_TOLD = 2_000
"""Characters: a status message has 2 KB."""


class Bomb(NamedTuple):
    """Bytes that are refused."""

    data: bytes
    path: str
    """Where the refusal begins; empty where the bytes are no value at all."""

    reason: str
    """Somewhere in the refusal."""


def _refusal(encoding: Encoding, data: bytes, blobs: tuple[Blob, ...] = ()) -> str:
    """The reason for which an argument is refused, after a look at all the rest."""
    with pytest.raises(InvalidArgumentError) as caught:
        encoding.decode_args({"fine": _fine(encoding), "bad": data}, blobs)

    error = caught.value
    reason: str = error.details["arguments"]["bad"]
    assert error.details["arguments"].keys() == {"bad"}
    assert reason in error.message
    assert error.hint
    assert len(str(error)) < MOST_TOLD
    assert str(error).encode()
    return reason


def _fine(encoding: Encoding) -> bytes:
    return encoding.encode_args({"a": 1})["a"]


def _assert_refused(encoding: Encoding, bomb: Bomb) -> None:
    reason = _refusal(encoding, bomb.data)
    assert reason.startswith(bomb.path)
    assert bomb.reason in reason
    with pytest.raises(InvalidArgumentError):
        encoding.decode(Encoded(bomb.data))


def _pairs(
    encodings: Mapping[str, Encoding], bombs: Mapping[str, Bomb]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize(
        ("encoding", "bomb"),
        [
            pytest.param(encoding, bomb, id=f"{name}-{what}")
            for name, encoding in encodings.items()
            for what, bomb in bombs.items()
        ],
    )


# --- JSON, with tags and without ------------------------------------------------------------------

_DEEP = "is nested deeper than 200 levels"
_TWICE = "more than once"

JSON_BOMBS = {
    "depth-201": Bomb(b"[" * 201 + b"]" * 201, "$", _DEEP),
    "depth-201-of-dicts": Bomb(b'{"a":' * 201 + b"1" + b"}" * 201, "$", _DEEP),
    "depth-990": Bomb(b"[" * 990 + b"]" * 990, "$", _DEEP),
    "depth-million": Bomb(b"[" * 10**6 + b"]" * 10**6, "$", _DEEP),
    "depth-million-open": Bomb(b'[{"a":' * 10**6, "", _DEEP),
    "members": Bomb(b"[" + b"0," * 10**7 + b"0]", "$", "more than 10,000,000 members"),
    "empty-members": Bomb(b"[" + b"[]," * 7_000_000 + b"0]", "$", "more than 10,000,000 members"),
    "duplicate-key": Bomb(b'{"a":[{"b":1,"b":2}]}', "$.a[0] ", f"has the key 'b' {_TWICE}"),
    "duplicate-escaped-key": Bomb(rb'{"b":1,"\u0062":2}', "$ ", _TWICE),
    "duplicate-hidden-by-text": Bomb(rb'["\":\":",{"b":1,"b":2}]', "$[1] ", _TWICE),
    "duplicate-long-key": Bomb(b'{"%b":1,"%b":2}' % (b"k" * 10**6, b"k" * 10**6), "$ ", _TWICE),
    "overlong-utf8": Bomb(b'["\xc0\xaf"]', "not UTF-8", "at byte 2"),
    "truncated-utf8": Bomb(b'["\xe2\x82"]', "not UTF-8", "at byte 2"),
    "surrogate-in-utf8": Bomb(b'["\xed\xa0\x80"]', "not UTF-8", "at byte 2"),
    "beyond-unicode": Bomb(b'["\xf4\x90\x80\x80"]', "not UTF-8", "at byte 2"),
    "byte-order-mark": Bomb(b"\xef\xbb\xbf1", "", "at byte 0"),
    "utf16": Bomb('"a"'.encode("utf-16"), "not UTF-8", "at byte 0"),
    "lone-surrogate": Bomb(rb'{"a":["\ud800"]}', "$.a[0] ", "has a lone surrogate"),
    "low-surrogate": Bomb(rb'["\udc00\ud800"]', "$[0] ", "has a lone surrogate"),
    "surrogate-as-key": Bomb(rb'{"\ud800":1}', "$[", "has a lone surrogate"),
    "huge-exponent": Bomb(b'{"a":1e999}', "$.a ", "beyond the range of 64-bit floats"),
    "huger-exponent": Bomb(b"[-1e" + b"9" * 10**5 + b"]", "$[0] ", "beyond the range"),
    "huge-integer": Bomb(b"[1" + b"0" * 20_000 + b"]", "$[0] ", "is an integer of 20001 digits"),
    "huger-integer": Bomb(b"[-" + b"9" * 10**6 + b"]", "$[0] ", "integer of 1000000 digits"),
    "trailing": Bomb(b"1 1", "", "at byte 2"),
    "trailing-zero-byte": Bomb(b"1\0", "", "at byte 1"),
    "nothing": Bomb(b"", "", ""),
    "blanks": Bomb(b" " * 10**6, "", ""),
    "quotes": Bomb(b'"' * 999_999, "", ""),
    "backslashes": Bomb(b'"' + b"\\" * 10**6, "", ""),
}


@_pairs({**JSON, **TAGGED}, JSON_BOMBS)
def test_a_json_bomb_is_refused_with_its_place(encoding: Encoding, bomb: Bomb) -> None:
    _assert_refused(encoding, bomb)


JSON_TEXT = b'{"a": [1.5e3, -2, "\xc3\xa9\\u00e9", null], "b": {"c": true}}'


@pytest.mark.parametrize("encoding", [*JSON.values(), *TAGGED.values()])
def test_a_json_text_is_refused_wherever_it_is_cut(encoding: Encoding) -> None:
    assert encoding.decode_args({"a": JSON_TEXT})

    for end in range(len(JSON_TEXT)):
        _refusal(encoding, JSON_TEXT[:end])


def test_the_old_convention_refuses_what_is_json_and_no_value() -> None:
    encoding = OldConvention(Fallback())

    for name in ("depth-201", "members", "duplicate-key", "lone-surrogate", "huge-integer"):
        reason = _refusal(encoding, JSON_BOMBS[name].data)
        assert reason.startswith(JSON_BOMBS[name].path)


# --- tags -----------------------------------------------------------------------------------------


def _tag(name: object, /, **fields: object) -> bytes:
    return json.dumps({"rows": [0, {"__type__": name, **fields}]}).encode()


def _tensor(*, shape: object, dtype: object = "float32", data: object = "") -> bytes:
    return _tag("blob", kind="tensor", dtype=dtype, shape=shape, data=data)


def _nested_tag(levels: int, before: bytes, after: bytes) -> bytes:
    return before * levels + b"1" + after * levels


SAME_HASH = [(2**61 - 1) * number for number in range(1, 5_000)]
"""Integers whose hash is 0: a set of them takes quadratic time."""

TUPLE = b'{"__type__":"tuple","elements":['

TAG_BOMBS = {
    "depth-of-tuples": Bomb(_nested_tag(201, TUPLE, b"]}"), "$", _DEEP),
    "depth-of-dicts": Bomb(
        _nested_tag(201, b'{"__type__":"dict","pairs":[[0,', b"]]}"), "$", _DEEP
    ),
    "depth-of-slices": Bomb(
        _nested_tag(201, b'{"__type__":"slice","start":0,"stop":0,"step":', b"}"), "$", _DEEP
    ),
    "depth-of-unknown-tags": Bomb(_nested_tag(201, b'{"__type__":"x","y":', b"}"), "$", _DEEP),
    "depth-million": Bomb(_nested_tag(10**5, TUPLE, b"]}"), "$", _DEEP),
    "duplicate-tag": Bomb(b'{"__type__":"nan","__type__":"atom","value":"x"}', "$ ", _TWICE),
    "same-key": Bomb(_tag("dict", pairs=[["a", 1], ["a", 2]]), "$.rows[1] ", "pair 1 has the key"),
    "equal-key": Bomb(_tag("dict", pairs=[[1, 1], [1.0, 2]]), "$.rows[1] ", "pair 1 has the key"),
    "same-hash": Bomb(_tag("set", elements=SAME_HASH), "$.rows[1] ", "the same hash"),
    "keys-of-same-hash": Bomb(
        _tag("dict", pairs=[[key, 0] for key in SAME_HASH]), "$.rows[1] ", "the same hash"
    ),
    "unhashable": Bomb(_tag("set", elements=[[]]), "$.rows[1] ", "cannot be hashed"),
    "unhashable-key": Bomb(_tag("dict", pairs=[[{}, 1]]), "$.rows[1] ", "cannot be hashed"),
    "signalling-nan-in-set": Bomb(
        _tag("set", elements=[{"__type__": "decimal", "value": "sNaN"}]),
        "$.rows[1] ",
        "cannot be hashed",
    ),
    "no-pair": Bomb(_tag("dict", pairs=[[1]]), "$.rows[1] ", "pair 0 is not"),
    "schema": Bomb(_tag("tuple", elements=[], __schema__=2), "$.rows[1] ", "schema 2"),
    "no-elements": Bomb(_tag("tuple"), "$.rows[1] ", 'without "elements"'),
    "elements-of-text": Bomb(_tag("tuple", elements="abc"), "$.rows[1] ", "not a list"),
    "no-base64": Bomb(_tag("bytes", data="a"), "$.rows[1] ", "no base64"),
    "no-ascii": Bomb(_tag("bytes", data="\u20ac"), "$.rows[1] ", "no base64"),
    "no-float": Bomb(_tag("special_float", value="-nan"), "$.rows[1] ", "'-nan'"),
    "complex-of-text": Bomb(_tag("complex", real="1", imag=0), "$.rows[1] ", "not a number"),
    "complex-too-large": Bomb(_tag("complex", real=10**400, imag=0), "$.rows[1] ", "the range"),
    "decimal-exponent": Bomb(
        _tag("decimal", value="1E+999999999999999999"), "$.rows[1] ", "exponent beyond 999999"
    ),
    "decimal-digits": Bomb(_tag("decimal", value="9" * 10**6), "$.rows[1] ", "20000 digits"),
    "no-decimal": Bomb(_tag("decimal", value="1e1e1"), "$.rows[1] ", "no decimal number"),
    "no-uuid": Bomb(_tag("uuid", value="x" * 10**5), "$.rows[1] ", "no UUID"),
    "no-date": Bomb(_tag("date", value="2026-02-30"), "$.rows[1] ", "no date"),
    "year-zero": Bomb(_tag("datetime", value="0000-01-01"), "$.rows[1] ", "no time with a date"),
    "long-time": Bomb(_tag("time", value="1" * 10**6), "$.rows[1] ", "1000000 characters"),
    "unknown-zone": Bomb(
        _tag("datetime", value="2026-01-01", zone="../../etc/passwd"), "$.rows[1] ", "unknown here"
    ),
    "long-delta": Bomb(
        _tag("timedelta", days=10**4000, seconds=0, microseconds=0), "$.rows[1] ", "longer than"
    ),
    "unknown-class": Bomb(
        _tag("object", value=1, **{"class": "os.system"}), "$.rows[1] ", "registered"
    ),
    "long-class": Bomb(
        _tag("object", value=1, **{"class": "x" * 10**5}), "$.rows[1] ", "registered"
    ),
    "empty-ref": Bomb(_tag("ref", id=""), "$.rows[1] ", "is empty"),
    "no-arity": Bomb(_tag("tool", name="x", arity=-1), "$.rows[1] ", "arity"),
    "blob-index": Bomb(_tag("blob", index=0), "$.rows[1] ", "0 blobs came"),
    "blob-index-huge": Bomb(_tag("blob", index=10**4000), "$.rows[1] ", "0 blobs came"),
    "blob-kind": Bomb(_tag("blob", kind="pickle", data=""), "$.rows[1] ", "unknown kind 'pickle'"),
    "shape-overflow": Bomb(_tensor(shape=[2**62, 2**62, 4]), "$.rows[1] ", "too large"),
    "shape-overflow-of-nothing": Bomb(_tensor(shape=[0, 2**62, 4]), "$.rows[1] ", "too large"),
    "shape-negative": Bomb(_tensor(shape=[-1]), "$.rows[1] ", "not a list of sizes"),
    "shape-of-floats": Bomb(_tensor(shape=[1.0]), "$.rows[1] ", "not a list of sizes"),
    "shape-of-axes": Bomb(_tensor(shape=[1] * 65), "$.rows[1] ", "not a list of sizes"),
    "too-few-bytes": Bomb(_tensor(shape=[2], data="AAAA"), "$.rows[1] ", "has 3 bytes"),
    "no-booleans": Bomb(_tensor(dtype="bool", shape=[1], data="Ag=="), "$.rows[1] ", "0 and 1"),
}


@_pairs(TAGGED, TAG_BOMBS)
def test_a_tag_bomb_is_refused_with_its_place(encoding: Encoding, bomb: Bomb) -> None:
    _assert_refused(encoding, bomb)


# --- MessagePack ----------------------------------------------------------------------------------

_pack = msgspec.msgpack.Encoder().encode


def _extension(code: int, payload: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(payload), code) + payload


def _inside(item: bytes) -> bytes:
    """The item at ``$.rows[1]``."""
    return b"\x81\xa4rows\x92\x00" + item


def _nested(levels: int, code: int, before: bytes = b"\x91") -> bytes:
    item = b"\x01"
    for _ in range(levels):
        item = _extension(code, before + item)
    return item


def _big(number: int) -> bytes:
    return _extension(5, number.to_bytes(number.bit_length() // 8 + 1, signed=True))


def _row(items: list[bytes]) -> bytes:
    return b"\xdd" + struct.pack(">I", len(items)) + b"".join(items)


def _inline(kind: object, dtype: object, shape: object, data: object) -> bytes:
    return _inside(_extension(17, _pack([kind, dtype, shape, data])))


_NO_BYTES = "is cut off at byte"

PACK_BOMBS = {
    "depth-201": Bomb(b"\x91" * 200 + b"\x90", "$", _DEEP),
    "depth-201-of-maps": Bomb(b"\x81\xa1a" * 201 + b"\x01", "$", _DEEP),
    "depth-million": Bomb(b"\x91" * 10**6, "$", _DEEP),
    "depth-of-tuples": Bomb(_nested(201, 1), "$", _DEEP),
    "depth-1200-of-tuples": Bomb(_nested(1_200, 1), "$", _DEEP),
    "depth-of-dicts": Bomb(_nested(201, 4, b"\x92\x00"), "$", _DEEP),
    "depth-of-slices": Bomb(_nested(201, 13, b"\x93\xc0\xc0"), "$", _DEEP),
    "items": Bomb(b"\xdd" + struct.pack(">I", 10**7) + b"\xc0" * 10**7, "$", "10000000 items"),
    "announced-array": Bomb(b"\xdd\xff\xff\xff\xff", "$[0] ", _NO_BYTES),
    "announced-arrays": Bomb(b"\xdd\x00\xff\xff\xff" * 150, "$[0]", _NO_BYTES),
    "announced-map": Bomb(b"\xdf\xff\xff\xff\xff", "$", _NO_BYTES),
    "announced-text": Bomb(b"\xdb\xff\xff\xff\xff", "$ ", _NO_BYTES),
    "announced-bytes": Bomb(b"\xc6\xff\xff\xff\xff", "$ ", _NO_BYTES),
    "announced-extension": Bomb(b"\xc9\xff\xff\xff\xff\x01", "$ ", _NO_BYTES),
    "payload-beyond-its-end": Bomb(
        b"\x92" + _extension(1, b"\x92\x01") + b"\x01", "$[0][1] ", _NO_BYTES
    ),
    "payload-with-more": Bomb(_inside(_extension(1, b"\x90\x90")), "$.rows[1] ", "behind its end"),
    "never": Bomb(_inside(b"\xc1"), "$.rows[1] ", "0xC1"),
    "trailing": Bomb(b"\x01\x01", "$ ", "behind its end"),
    "nothing": Bomb(b"", "$ ", "is cut off at byte 0"),
    "duplicate-key": Bomb(_inside(b"\x82\xa1a\x01\xa1a\x02"), "$.rows[1].a ", "is there twice"),
    "equal-key": Bomb(
        _inside(b"\x82\x01\x01\xcb" + struct.pack(">d", 1) + b"\x02"), "$.rows[1]", "twice"
    ),
    "key-in-two-widths": Bomb(_inside(b"\x82\x01\x01\xcd\x00\x01\x02"), "$.rows[1]", "twice"),
    "same-key-of-dict": Bomb(
        _inside(_extension(4, _pack([1, 0, True, 0]))), "$.rows[1]", "keys are equal"
    ),
    "dict-without-value": Bomb(_inside(_extension(4, _pack([1]))), "$.rows[1] ", "no value"),
    "unhashable": Bomb(_inside(_extension(2, _pack([[]]))), "$.rows[1] ", "is no set"),
    "unhashable-key": Bomb(_inside(b"\x81\x80\x01"), "$.rows[1]", "key"),
    "same-hash": Bomb(
        _inside(_extension(2, _row([_big(number) for number in SAME_HASH]))),
        "$.rows[1] ",
        "the same hash",
    ),
    "keys-of-same-hash": Bomb(
        _inside(_extension(4, _row([_big(number) for number in SAME_HASH + SAME_HASH[:1]]))),
        "$.rows[1] ",
        "the same hash",
    ),
    "keys-of-same-hash-in-map": Bomb(
        _inside(b"\xde\x01\x2c" + b"".join(_big(key) + b"\xc0" for key in SAME_HASH[:300])),
        "$.rows[1]",
        "the same hash",
    ),
    "overlong-utf8": Bomb(_inside(b"\xa2\xc0\xaf"), "$.rows[1] ", "is not UTF-8"),
    "truncated-utf8": Bomb(_inside(b"\xa2\xe2\x82"), "$.rows[1] ", "is not UTF-8"),
    "surrogate-in-utf8": Bomb(_inside(b"\xa3\xed\xa0\x80"), "$.rows[1] ", "is not UTF-8"),
    "no-utf8-in-key": Bomb(b"\x81\xa1\xff\x01", "$", "is not UTF-8"),
    "timestamp": Bomb(
        _inside(b"\xc7\x0c\xff" + struct.pack(">Iq", 2**32 - 1, 2**63 - 1)),
        "$.rows[1] ",
        "timestamp",
    ),
    "timestamp-of-three-bytes": Bomb(_inside(b"\xc7\x03\xff..."), "$.rows[1] ", "timestamp"),
    "unknown-code": Bomb(_inside(_extension(99, b"")), "$.rows[1] ", "type 99"),
    "negative-code": Bomb(_inside(_extension(-2, b"")), "$.rows[1] ", "type -2"),
    "huge-integer": Bomb(_inside(_extension(5, b"\x7f" * 10**6)), "$.rows[1] ", "20000 digits"),
    "no-integer": Bomb(_inside(_extension(5, b"")), "$.rows[1] ", "no bytes"),
    "no-complex": Bomb(_inside(_extension(6, b"1")), "$.rows[1] ", "is no complex"),
    "decimal-exponent": Bomb(
        _inside(_extension(7, b"1E+999999999999999999")), "$.rows[1] ", "is no decimal"
    ),
    "decimal-exponent-beyond": Bomb(
        _inside(_extension(7, b"1E+" + b"9" * 30)), "$.rows[1] ", "is no decimal"
    ),
    "no-decimal": Bomb(_inside(_extension(7, "\u0663".encode())), "$.rows[1] ", "is no decimal"),
    "no-uuid": Bomb(_inside(_extension(8, b"x" * 15)), "$.rows[1] ", "is no uuid"),
    "no-date": Bomb(_inside(_extension(9, b"\x07\xea\x02\x1e")), "$.rows[1] ", "is no date"),
    "no-time": Bomb(_inside(_extension(10, b"\x18" + bytes(7))), "$.rows[1] ", "is no time"),
    "no-datetime": Bomb(_inside(_extension(11, bytes(12))), "$.rows[1] ", "is no datetime"),
    "offset": Bomb(
        _inside(_extension(11, b"\x07\xea\x01\x01" + bytes(8) + b"\x7f" * 8)),
        "$.rows[1] ",
        "is no datetime",
    ),
    "no-timedelta": Bomb(_inside(_extension(12, b"\x7f" * 12)), "$.rows[1] ", "is no timedelta"),
    "no-slice": Bomb(_inside(_extension(13, b"\x90")), "$.rows[1] ", "is no slice"),
    "no-ellipsis": Bomb(_inside(_extension(14, b".")), "$.rows[1] ", "is no ellipsis"),
    "no-ref": Bomb(_inside(_extension(15, _pack([""]))), "$.rows[1] ", "is no ref"),
    "blob-place": Bomb(_inside(_extension(16, b"\x00")), "$.rows[1] ", "0 came with"),
    "blob-place-huge": Bomb(_inside(_extension(16, _big(10**5000))), "$.rows[1] ", "is no blob"),
    "unknown-class": Bomb(
        _inside(_extension(18, _pack(["os.system", 1]))), "$.rows[1] ", "registered"
    ),
    "long-class": Bomb(
        _inside(_extension(18, _pack(["x" * 10**5, 1]))), "$.rows[1] ", "registered"
    ),
    "no-function": Bomb(_inside(_extension(19, _pack([1]))), "$.rows[1] ", "is no function"),
    "blob-kind": Bomb(_inline("pickle", "", [], b""), "$.rows[1] ", "unknown kind 'pickle'"),
    "blob-of-text": Bomb(_inline("bytes", "", [], "x"), "$.rows[1] ", "binary data"),
    "shape-overflow": Bomb(_inline("tensor", "int8", [2**62, 4], b""), "$.rows[1] ", "too large"),
    "shape-of-nothing": Bomb(_inline("tensor", "int8", [0, 2**63], b""), "$.rows[1] ", "too large"),
    "shape-negative": Bomb(_inline("tensor", "int8", [-1], b""), "$.rows[1] ", "negative axis"),
    "too-few-bytes": Bomb(_inline("tensor", "int16", [2], b"abc"), "$.rows[1] ", "has 3 bytes"),
    "no-booleans": Bomb(_inline("tensor", "bool", [1], b"\x02"), "$.rows[1] ", "0 and 1"),
}


@_pairs(MESSAGE_PACK, PACK_BOMBS)
def test_a_message_bomb_is_refused_with_its_place(encoding: Encoding, bomb: Bomb) -> None:
    _assert_refused(encoding, bomb)


@pytest.mark.parametrize("encoding", MESSAGE_PACK.values())
def test_a_message_is_refused_wherever_it_is_cut(encoding: Encoding) -> None:
    value = {"a": [1.5, (1, {2}), 10**30], "b": "\u00e9", "c": {(1,): b"data"}}
    whole = encoding.encode_args({"a": value})["a"]
    assert encoding.decode_args({"a": whole}) == {"a": value}

    for end in range(len(whole)):
        reason = _refusal(encoding, whole[:end])
        assert reason.startswith("$")
        assert f"is cut off at byte {end}" in reason


# --- the same number in other bits ----------------------------------------------------------------


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001])
def test_a_nan_is_a_nan_whatever_its_payload(bits: int) -> None:
    (value,) = MESSAGE_PACK["msgpack"].decode_args({"a": b"\xcb" + bits.to_bytes(8)}).values()

    assert type(value) is float
    assert math.isnan(value)


def test_keys_that_are_each_a_nan_are_keys_each() -> None:
    keys = b"".join(b"\xcb" + (0x7FF8000000000000 + n).to_bytes(8) + b"\x01" for n in range(3))

    (value,) = MESSAGE_PACK["msgpack"].decode_args({"a": b"\x83" + keys}).values()

    assert len(value) == 3
    assert all(map(math.isnan, value))


# --- numbers of numpy, which compare themselves with rows -----------------------------------------


def _row_of_small_hash() -> tuple[int, int]:
    """A tuple whose hash is a 64-bit integer with itself for a hash."""
    return next((n, 0) for n in range(10_000) if abs(hash((n, 0))) < 2**61 - 1)


def test_a_number_and_a_row_of_the_same_hash_are_refused_together() -> None:
    """Numpy answers with an array whether they are equal, which once was an error of ours."""
    row = _row_of_small_hash()
    number = struct.pack("<q", hash(row))
    base = base64.b64encode(number).decode()
    blob = {"__type__": "blob", "kind": "tensor", "dtype": "int64", "shape": [], "data": base}
    item = _extension(17, _pack(["tensor", "int64", [], number]))
    bombs = [
        ("tagged", _tag("set", elements=[blob, {"__type__": "tuple", "elements": row}])),
        ("tagged", _tag("dict", pairs=[[blob, 1], [{"__type__": "tuple", "elements": row}, 2]])),
        ("msgpack", _inside(_extension(2, b"\x92" + item + _extension(1, _pack(row))))),
        ("msgpack", _inside(b"\x82" + item + b"\x01" + _pack(row) + b"\x02")),
    ]

    for name, data in bombs:
        reason = _refusal(WITH_BLOBS[name], data)
        assert reason.startswith("$.rows[1]")


# --- blobs beside the value -----------------------------------------------------------------------


def _reference(name: str, place: int) -> bytes:
    if name == "msgpack":
        return _inside(_extension(16, _pack(place)))
    return _tag("blob", index=place)


def _compressed(*, rows: int) -> bytes:
    """A table of zeros, a thousand times smaller than it is."""
    schema = pa.schema([("zeros", pa.int64())])
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write_table(pa.table({"zeros": pa.repeat(pa.scalar(0, pa.int64()), rows)}))
    return bytes(sink.getvalue().to_pybytes())


def _plain_table() -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"n": [1, 2, 3], "t": ["a", None, "c"]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


BLOB_BOMBS = {
    "unknown-kind": (Blob(kind="k" * 10**5), "unknown kind"),
    "shape-overflow": (Blob(kind=TENSOR, dtype="int8", shape=(2**62, 4)), "too large"),
    "shape-negative": (Blob(kind=TENSOR, dtype="int8", shape=(-1, -1), data=b"x"), "negative"),
    "shape-of-nothing": (Blob(kind=TENSOR, dtype="int8", shape=(0, 2**62, 4)), "too large"),
    "axes": (Blob(kind=TENSOR, dtype="int8", shape=(1,) * 10**5, data=b"x"), "is the most"),
    "too-many-bytes": (Blob(kind=TENSOR, dtype="int8", shape=(1,), data=b"xx"), "has 2 bytes"),
    "decompression": (Blob(kind=ARROW, data=_compressed(rows=10**8 // 8)), "compressed to"),
    "no-table": (Blob(kind=ARROW, data=b"ARROW1"), "cannot be read as a table"),
    "no-table-at-all": (Blob(kind=ARROW), "cannot be read as a table"),
    "more-than-a-table": (Blob(kind=ARROW, data=_plain_table() + bytes(8)), "of its"),
    "no-frame": (Blob(kind=ARROW, dtype="polars.series", data=_plain_table()), "one column"),
    "long-library": (Blob(kind=ARROW, dtype="d" * 10**5, data=b"x"), "cannot be read as"),
}


@pytest.mark.parametrize("name", WITH_BLOBS)
@pytest.mark.parametrize(("blob", "told"), BLOB_BOMBS.values(), ids=BLOB_BOMBS)
def test_a_blob_that_is_not_what_it_says_is_refused_where_it_stands(
    name: str, blob: Blob, told: str
) -> None:
    reason = _refusal(WITH_BLOBS[name], _reference(name, 0), (blob,))

    assert reason.startswith("$.rows[1] ")
    assert told in reason


@pytest.mark.parametrize("name", WITH_BLOBS)
@pytest.mark.parametrize("place", [1, -1, 2**63, 10**5000], ids=["next", "last", "wide", "huge"])
def test_a_place_without_a_blob_is_refused(name: str, place: int) -> None:
    if name == "msgpack":
        number = _big(place) if place >= 2**63 else _pack(place)
        data = _inside(_extension(16, number))
    else:
        digits = str(place) if place < 2**64 else "1" + "0" * 5000
        data = b'{"rows":[0,{"__type__":"blob","index":%b}]}' % digits.encode()

    reason = _refusal(WITH_BLOBS[name], data, (Blob(kind=BYTES, data=b"x"),))

    assert reason.startswith("$.rows[1] ")


@pytest.mark.parametrize("name", WITH_BLOBS)
def test_a_table_is_refused_wherever_it_is_cut(name: str) -> None:
    whole = _plain_table()
    encoding, data = WITH_BLOBS[name], _reference(name, 0)
    assert encoding.decode_args({"a": data}, [Blob(kind=ARROW, data=whole)])

    for end in range(0, len(whole), 16):
        _refusal(encoding, data, (Blob(kind=ARROW, data=whole[:end]),))
