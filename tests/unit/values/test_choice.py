from __future__ import annotations

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.choice import (
    ENCODINGS,
    LateEncoding,
    find_encoding,
    message_pack,
    tagged,
)
from snakepit_bridge.values.encoding import Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.old_convention import OldConvention
from snakepit_bridge.values.json.plain_json import PlainJson
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.tagged.tagged import Tagged


def test_an_encoding_is_found_by_its_name() -> None:
    assert isinstance(find_encoding("json"), PlainJson)
    assert isinstance(find_encoding(""), OldConvention)


def test_a_late_encoding_is_made_once_and_not_before_it_is_used() -> None:
    made: list[Encoding] = []

    def make() -> Encoding:
        made.append(PlainJson(Fallback()))
        return made[-1]

    late = LateEncoding("json", make)

    assert late.name == "json"
    assert made == []
    assert late.decode_args({"a": b"[1]"}) == {"a": [1]}
    assert late.encode_args({"a": [1]}) == {"a": b"[1]"}
    assert late.decode(late.encode([1])) == [1]
    assert len(made) == 1


@pytest.mark.parametrize(
    ("late", "same"),
    [(tagged(Fallback()), Tagged(Fallback())), (message_pack(Fallback()), MessagePack(Fallback()))],
    ids=["tagged", "msgpack"],
)
def test_what_loses_nothing_is_the_same_though_it_is_made_late(
    late: Encoding, same: Encoding
) -> None:
    value = {1: (2, {3})}

    assert late.name == same.name
    assert late.encode(value) == same.encode(value)
    assert late.decode(late.encode(value)) == value


@pytest.mark.parametrize("name", ["xml", "JSON", " json", "empty"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        find_encoding(name)

    assert caught.value.message == f"No encoding is called {name!r}."
    assert caught.value.details["encoding"] == name
    assert caught.value.hint.startswith("The encodings are: ")
    assert all((known or "empty") in caught.value.hint for known in ENCODINGS)
