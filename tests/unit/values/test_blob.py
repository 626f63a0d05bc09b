from __future__ import annotations

import pytest

from snakepit_bridge.values.blob import Blob


def test_a_blob_knows_how_many_bytes_are_in_it() -> None:
    assert Blob(kind="bytes", data=b"abc").nbytes == 3
    assert Blob(kind="bytes", data=memoryview(b"abcd")).nbytes == 4
    assert Blob(kind="bytes", handle="h").nbytes == 0


def test_a_blob_is_one_of_bytes_unless_told_otherwise() -> None:
    blob = Blob(kind="bytes")

    assert (blob.dtype, blob.shape, blob.data, blob.handle) == ("", (), b"", "")


def test_a_blob_cannot_change() -> None:
    with pytest.raises(AttributeError):
        Blob(kind="bytes").data = b"1"  # type: ignore[misc]  # that it cannot is the point


def test_a_blob_changes_places_with_its_handle() -> None:
    blob = Blob(kind="tensor", dtype="uint8", shape=(3,), data=b"abc")
    kept = blob.behind("h")

    assert kept == Blob(kind="tensor", dtype="uint8", shape=(3,), handle="h")
    assert kept.holding(b"abc") == blob
