from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.json.blobs import binary_form, reference_to, with_blobs
from snakepit_bridge.values.refusals import CannotReadError

BLOBS = BlobValues([Blob(kind="bytes", data=b"first"), Blob(kind="bytes", data=b"second")])


@pytest.mark.parametrize("value", [b"hi", bytearray(b"hi"), memoryview(b"hi")])
def test_bytes_have_a_binary_form(value: Any) -> None:
    blob = binary_form(value)

    assert blob is not None
    assert (blob.kind, bytes(blob.data)) == ("bytes", b"hi")


def test_an_array_has_a_binary_form_and_a_number_has_none() -> None:
    blob = binary_form(np.arange(3, dtype="int16"))

    assert blob is not None
    assert (blob.kind, blob.dtype, blob.shape) == ("tensor", "int16", (3,))
    assert binary_form(np.float32(1.5)) is None
    assert binary_form(np.array(1.5)) is None
    assert binary_form(object()) is None


def test_a_reference_becomes_what_its_blob_stands_for_wherever_it_stands() -> None:
    value = {"a": [1, reference_to(1)], "b": {"c": reference_to(0)}, "d": "text"}

    assert with_blobs(value, BLOBS) == {"a": [1, b"second"], "b": {"c": b"first"}, "d": "text"}
    assert with_blobs(reference_to(0), BLOBS) == b"first"
    assert with_blobs({"__type__": "blob", "index": 0}, BLOBS) == b"first"
    assert with_blobs(3, BLOBS) == 3


@pytest.mark.parametrize(
    "like_one",
    [
        {"__type__": "blob"},
        {"__type__": "ref", "index": 0},
        {"index": 0},
        {"__type__": "blob", "index": 0, "name": "mine"},
    ],
)
def test_what_only_looks_like_a_reference_is_a_dict(like_one: dict[str, Any]) -> None:
    assert with_blobs(dict(like_one), BLOBS) == like_one


@pytest.mark.parametrize("index", [2, -1, True, 0.0, "0", None])
def test_a_reference_to_no_blob_is_refused_with_its_place(index: object) -> None:
    value = {"a": [0, {"__type__": "blob", "__schema__": 1, "index": index}]}

    with pytest.raises(CannotReadError, match=r"^\$\.a\[1\] refers to blob .* of 2$"):
        with_blobs(value, BLOBS)
