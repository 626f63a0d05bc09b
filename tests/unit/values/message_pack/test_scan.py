from __future__ import annotations

from collections.abc import Hashable

import msgspec
import pytest
from hypothesis import given

from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack import scan as message_pack_scan
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.message_pack.scan import has_too_many_items, scan
from snakepit_bridge.values.paths import path_text
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError
from tests.unit.values.strategies import ANY_VALUE


def _key_of(item: bytes) -> Hashable:
    key = msgspec.msgpack.decode(item, ext_hook=lambda code, data: (code, bytes(data)))
    if type(key) is dict:
        raise CannotReadError("is odd", "Send text.")
    return tuple(key) if type(key) is list else key


def _frame(text: str) -> bytes:
    return bytes.fromhex(text)


@given(value=ANY_VALUE)
def test_nothing_is_wrong_with_what_was_written(value: object) -> None:
    scan(MessagePack(Fallback()).encode(value).value, _key_of)


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        ("", "$ is cut off at byte 0"),
        ("c1", "$ has the byte 0xC1, which means nothing"),
        ("92 01 c1", "$[1] has the byte 0xC1, which means nothing"),
        ("01 01 01", "$ has 2 bytes behind its end"),
        ("92 01", "$[1] is cut off at byte 2"),
        ("a2 61", "$ is cut off at byte 2"),
        ("d9", "$ is cut off at byte 1"),
        ("da 00", "$ is cut off at byte 2"),
        ("cb 00", "$ is cut off at byte 2"),
        ("dd ff ff ff ff 01", "$[1] is cut off at byte 6"),
        ("df ff ff ff ff 01 01", "$ is cut off at byte 7"),
        ("82 a1 61 01", "$ is cut off at byte 4"),
        ("82 a1 61 01 a1 62", "$.b is cut off at byte 6"),
        ("c6 ff ff ff ff 01", "$ is cut off at byte 6"),
        ("d4", "$ is cut off at byte 1"),
        ("c9 00 00 00 05 01 91", "$ is cut off at byte 7"),
        ("d8 08 00", "$ is cut off at byte 3"),
        ("81 a1 61 a1 ff", "$.a is not UTF-8 at byte 4"),
        ("81 a1 61 a3 ed a0 80", "$.a is not UTF-8 at byte 4"),
        ("81 a1 ff 01", "$ is not UTF-8 at byte 2"),
        ("91 82 a1 61 01 a1 61 02", "$[0].a is there twice"),
        ("82 01 01 c3 01", "$.True is there twice"),
        ("82 92 01 02 01 92 01 02 01", '$["<tuple>"] is there twice'),
        ("81 81 01 01 01", "$ has a key that is odd"),
        ("d6 01 92 01 01 c1", "$ has 1 bytes behind its end"),
        ("92 d6 01 91 01 01 c1 01", "$[0] has 2 bytes behind its end"),
        ("92 d5 02 02 01", "$[0] has 1 bytes behind its end"),
        ("92 d6 01 94 01 01 01 01", "$[0][3] is cut off at byte 7"),
        ("92 c7 05 04 94 01 c0 02 c1", "$[0][2] has the byte 0xC1, which means nothing"),
        ("91 c7 05 04 94 01 c0 01 c0", "$[0][1] is there twice"),
        ("d5 ff 00 00", "$ is no timestamp: "),
        ("91 c7 0c ff 00 00 00 00 7f ff ff ff ff ff ff ff", "$[0] is no timestamp: "),
    ],
)
def test_what_is_wrong_is_told_with_its_place(frame: str, refusal: str) -> None:
    with pytest.raises(CannotReadError) as caught:
        scan(_frame(frame), _key_of)

    assert str(caught.value).startswith(refusal)
    assert caught.value.hint


@pytest.mark.parametrize(
    "frame",
    [
        "82 c4 01 61 01 a1 61 01",
        "92 d6 01 93 01 01 01 01",
        "91 c7 06 12 92 a1 61 91 a1 62",
        "91 d6 ff 00 00 00 01",
        "81 cb 7f f8 00 00 00 00 00 00 01",
        "93 c7 00 0e c7 02 10 cc 01 d4 63 ff",
    ],
)
def test_what_is_right_passes(frame: str) -> None:
    assert scan(_frame(frame), _key_of) == []


@pytest.mark.parametrize(
    ("number", "path"),
    [(1, "$.a[0]"), (2, "$.a[0][1]"), (3, "$.b"), (4, "$.b.key"), (5, "$.c"), (6, "$.c.x")],
)
def test_the_way_to_an_extension_is_told(number: int, path: str) -> None:
    frame = _frame(
        "83 a1 61 91 c7 05 01 92 01 c7 00 0e"
        "a1 62 c7 08 04 92 a3 6b 65 79 c7 00 0e"
        "a1 63 c7 09 12 92 a1 41 81 a1 78 c7 00 0e"
    )

    assert path_text(scan(frame, _key_of, extension=number)) == path


def _nested(head: bytes, levels: int, end: bytes) -> bytes:
    return head * (levels - 1) + end


@pytest.mark.parametrize("head", ["91", "81 01"])
def test_levels_are_counted(head: str) -> None:
    scan(_nested(_frame(head), MAX_DEPTH, b"\x90"), _key_of)
    with pytest.raises(CannotReadError, match=rf"nested deeper than {MAX_DEPTH} levels"):
        scan(_nested(_frame(head), MAX_DEPTH + 1, b"\x90"), _key_of)


@pytest.mark.parametrize(("code", "array"), [(1, "91"), (4, "92 01"), (18, "92 a1 41")])
def test_an_extension_is_one_level_together_with_its_array(code: int, array: str) -> None:
    def nested(levels: int) -> bytes:
        frame = b"\x90"
        for _ in range(levels - 1):
            body = _frame(array) + frame
            frame = b"\xc8" + len(body).to_bytes(2) + bytes([code]) + body
        return frame

    scan(nested(MAX_DEPTH), _key_of)
    with pytest.raises(CannotReadError, match="nested deeper"):
        scan(nested(MAX_DEPTH + 1), _key_of)


def test_an_extension_that_may_not_hold_any_value_is_no_level() -> None:
    frame = _nested(b"\x91", MAX_DEPTH + 1, _frame("d6 0f 93 a0 a0 a0"))

    with pytest.raises(CannotReadError, match="nested deeper"):
        scan(frame, _key_of)
    scan(_nested(b"\x91", MAX_DEPTH + 1, _frame("d5 08 01 01")), _key_of)


@pytest.mark.parametrize(
    ("frame", "items"),
    [
        ("93 01 e0 c0", 4),
        ("82 a1 61 01 d9 01 61 c4 02 01 01", 5),
        ("92 cb 01 01 01 01 01 01 01 01 cd 01 01", 3),
        ("92 dc 00 01 01 df 00 00 00 01 01 01", 6),
        ("92 d8 08 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 d6 01 93 01 01 01", 7),
        ("92 c7 03 08 01 01 01 c7 03 01 92 01 01", 6),
    ],
)
def test_items_are_counted_without_the_bodies_of_texts_and_numbers(
    monkeypatch: pytest.MonkeyPatch, frame: str, items: int
) -> None:
    monkeypatch.setattr(message_pack_scan, "MAX_ITEMS", items)
    assert not has_too_many_items(_frame(frame))

    monkeypatch.setattr(message_pack_scan, "MAX_ITEMS", items - 1)
    assert has_too_many_items(_frame(frame))


def test_too_many_items_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_pack_scan, "MAX_ITEMS", 3)

    scan(_frame("92 01 01"), _key_of)
    with pytest.raises(CannotReadError, match=r"\$\[1\] holds more than 3 items"):
        scan(_frame("93 01 01 01"), _key_of)
