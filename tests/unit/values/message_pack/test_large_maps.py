from __future__ import annotations

import msgspec

from snakepit_bridge.values.collisions import UNCHECKED
from snakepit_bridge.values.message_pack.large_maps import keys_of_large_maps

MANY = UNCHECKED + 1

_encode = msgspec.msgpack.encode


def _keys(data: bytes) -> list[list[object]]:
    return [[msgspec.msgpack.decode(key) for key in keys] for _, keys in keys_of_large_maps(data)]


def test_keys_of_large_maps_are_found_wherever_these_are() -> None:
    inner: dict[object, object] = {number: [number, {"a": number}] for number in range(MANY)}
    value: list[object] = [
        1.5,
        "text",
        {"a": [inner]},
        b"\xdf" * 9,
        {**inner, "a": inner, "b": None},
    ]

    assert _keys(_encode(value)) == [[*range(MANY)]] * 3


def test_small_maps_rows_and_texts_are_passed_by() -> None:
    assert _keys(_encode(dict.fromkeys(range(UNCHECKED), 1))) == []
    assert _keys(_encode([*range(10 * MANY)])) == []
    assert _keys(_encode({f"key {number}": 1 for number in range(MANY)})) == [[]]


def test_the_extension_of_dicts_is_a_map_and_other_extensions_are_not() -> None:
    row = _encode([*range(2 * MANY)])

    for code, keys in ((4, [[*range(0, 2 * MANY, 2)]]), (1, []), (99, [])):
        head = b"\xc9" + len(row).to_bytes(4) + bytes([code])
        assert _keys(b"\x92" + head + row + b"\x01") == keys


def test_a_message_that_is_cut_off_is_looked_at_as_far_as_it_goes() -> None:
    whole = _encode({number: number for number in range(MANY)})

    for end in range(0, len(whole), 37):
        for keys in _keys(whole[:end]):
            assert keys == [*range(len(keys))]


def test_the_number_of_a_map_counts_all_items_before_it_and_itself() -> None:
    data = _encode([1, "a", [2.5], dict.fromkeys(range(MANY))])

    assert [number for number, _ in keys_of_large_maps(data)] == [6]
