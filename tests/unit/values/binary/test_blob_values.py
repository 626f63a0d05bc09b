from __future__ import annotations

import pytest

from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import BYTES, Blob
from snakepit_bridge.values.refusals import CannotReadError


def test_a_blob_is_one_object_however_often_it_is_asked_for() -> None:
    values = BlobValues([Blob(kind=BYTES, data=memoryview(b"first")), Blob(kind=BYTES, data=b"2")])

    assert len(values) == 2
    assert values.at(0) == b"first"
    assert values.at(0) is values.at(0)
    assert values.at(1) == b"2"


def test_a_blob_that_cannot_be_read_is_refused_each_time_with_the_place_of_that_time() -> None:
    values = BlobValues([Blob(kind="odd")])
    refusals = []

    for step in ("a", "b"):
        with pytest.raises(CannotReadError, match="unknown kind 'odd'") as caught:
            values.at(0)
        caught.value.inside(step)
        refusals.append(caught.value)

    assert [error.path for error in refusals] == ["$.a", "$.b"]
    assert refusals[0].hint == refusals[1].hint
