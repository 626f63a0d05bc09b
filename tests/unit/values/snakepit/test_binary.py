from __future__ import annotations

import msgspec
import numpy as np
import pytest

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.binary import (
    described,
    description_of,
    no_room_in,
    whole_result,
    whole_value,
)

TENSOR = Blob(kind="tensor", dtype="int16", shape=(1, 2), data=b"\x01\x00\x02\x00")


class Trunk(Beside):
    wants_binary = True

    def __init__(self) -> None:
        self.blobs: list[Blob] = []
        self.is_given_up = False

    def put(self, blob: Blob) -> int:
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def keep(self, instance: object) -> Ref:
        return Ref("ref-1")

    def give_up(self) -> None:
        self.is_given_up = True


@pytest.mark.parametrize(
    ("blob", "description"),
    [
        (TENSOR, b'{"kind":"tensor","dtype":"int16","shape":[1,2]}'),
        (Blob(kind="bytes", data=b"hi"), b"{}"),
        (Blob(kind="bytes", handle="h"), b'{"kind":"bytes","handle":"h"}'),
        (Blob(kind="arrow", dtype="pandas", data=b"x"), b'{"kind":"arrow","dtype":"pandas"}'),
        (Blob(kind="arrow", data=b"x"), b'{"kind":"arrow"}'),
    ],
)
def test_a_description_says_what_the_data_are_and_is_understood(
    blob: Blob, description: bytes
) -> None:
    assert description_of(blob) == description
    assert described(description.decode(), blob.data) == blob


@pytest.mark.parametrize(
    "description",
    ["", "tensor", "[]", '{"kind":3}', '{"kind":"tensor","shap":[1]}', '{"shape":[1.5]}', "\ud800"],
)
def test_a_description_that_is_none_is_refused(description: str) -> None:
    with pytest.raises(CannotReadError, match="has a description that cannot be read") as caught:
        described(description, b"1")

    assert "kind" in caught.value.hint


def test_data_are_here_or_behind_a_handle() -> None:
    assert described('{"kind":"tensor","handle":"h"}', b"").handle == "h"
    assert described('{"kind":"tensor","handle":"h"}', None).handle == "h"

    with pytest.raises(CannotReadError, match="a handle, and bytes as well"):
        described('{"handle":"h"}', b"1")
    with pytest.raises(CannotReadError, match="a description, but no bytes"):
        described('{"kind":"bytes"}', None)


def test_a_whole_result_is_its_data_beside_their_description() -> None:
    encoded = whole_result(TENSOR, NOTHING)

    assert encoded == Encoded(description_of(TENSOR), label="map", binary=TENSOR.data)  # type: ignore[arg-type]  # bytes here
    np.testing.assert_array_equal(whole_value(encoded), np.array([[1, 2]], "int16"), strict=True)


def test_a_whole_result_is_left_to_who_takes_it() -> None:
    trunk = Trunk()

    encoded = whole_result(TENSOR, trunk)

    assert encoded == Encoded(label="map")
    assert trunk.blobs == [TENSOR]
    arrived = whole_value(msgspec.structs.replace(encoded, blobs=trunk.blobs))
    np.testing.assert_array_equal(arrived, np.array([[1, 2]], "int16"), strict=True)


def test_what_is_nested_has_no_room_and_is_kept_all_the_same() -> None:
    trunk = Trunk()

    nested = no_room_in(trunk)

    assert nested.put(TENSOR) is None
    assert not nested.wants_binary
    assert nested.keep(object()) == "ref-1"
    nested.give_up()
    assert trunk.is_given_up
    assert trunk.blobs == []
    assert no_room_in(NOTHING) is NOTHING
