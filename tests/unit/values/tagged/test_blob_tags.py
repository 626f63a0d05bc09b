from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError
from snakepit_bridge.values.tagged.blob_tags import INLINE_BYTES, binary_tag, blob_tag, read_blob
from snakepit_bridge.values.tagged.tags import TagError

BYTES = Blob(kind="bytes", data=b"hi")


class Third(Beside):
    def put(self, blob: Blob) -> int:
        del blob
        return 2


def test_a_blob_has_a_place_beside_the_text_or_is_in_it() -> None:
    assert blob_tag(BYTES, Third()) == {"__type__": "blob", "__schema__": 1, "index": 2}
    assert blob_tag(BYTES, NOTHING) == {
        "__type__": "blob",
        "__schema__": 1,
        "kind": "bytes",
        "dtype": "",
        "shape": [],
        "data": "aGk=",
    }


@pytest.mark.parametrize("make", [bytes, bytearray, lambda size: memoryview(bytes(size))])
def test_many_bytes_go_beside_the_text(make: Any) -> None:
    assert binary_tag(make(INLINE_BYTES - 1), Third())["__type__"] == "bytes"
    assert binary_tag(make(INLINE_BYTES), Third())["index"] == 2
    assert binary_tag(make(INLINE_BYTES), NOTHING)["__type__"] == "bytes"


def test_data_kept_elsewhere_are_not_in_the_text() -> None:
    with pytest.raises(CannotWriteError, match="are data kept elsewhere"):
        blob_tag(Blob(kind="bytes", handle="h"), NOTHING)


def test_what_a_blob_stands_for_is_read() -> None:
    assert read_blob({"index": 1}, BlobValues([Blob(kind="bytes"), BYTES])) == b"hi"
    assert read_blob(blob_tag(BYTES, NOTHING), BlobValues()) == b"hi"
    assert read_blob({"kind": "bytes", "data": ""}, BlobValues()) == b""


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"index": 1}, 'whose "index" is 1; one blob came with the value'),
        ({"index": -1}, 'whose "index" is -1; one blob came with the value'),
        ({"index": 10**30}, "whose \"index\" is of type 'int'; one blob came with the value"),
        ({"index": False}, 'whose "index" is False, not an integer'),
        ({"index": 0.0}, 'whose "index" is 0.0, not an integer'),
        ({"index": None}, 'whose "index" is None, not an integer'),
        ({"index": []}, "whose \"index\" is of type 'list', not an integer"),
        ({"data": ""}, 'without "kind"'),
        ({"kind": "bytes"}, 'without "data"'),
        (
            {"kind": "bytes", "data": "", "handle": "h"},
            'with a "handle", which only the blobs beside a value have',
        ),
        ({"kind": "bytes", "data": "?"}, 'whose "data" is no base64 (Only base64 data is allowed)'),
        ({"kind": 1, "data": ""}, 'whose "kind" is 1, not text'),
        ({"kind": "tensor", "dtype": 1, "data": ""}, 'whose "dtype" is 1, not text'),
        *(
            ({"kind": "tensor", "shape": shape, "data": ""}, 'whose "shape" is not a list of sizes')
            for shape in (3, [-1], [True], [1.0], [2**63], [1] * 65, None)
        ),
    ],
    ids=lambda given: str(given)[:40],
)
def test_malformed_blobs_are_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(TagError) as caught:
        read_blob(members, BlobValues([BYTES]))

    assert str(caught.value) == message


def test_data_that_are_not_what_the_blob_says_are_refused() -> None:
    with pytest.raises(CannotReadError):
        read_blob({"kind": "mystery", "data": ""}, BlobValues())
