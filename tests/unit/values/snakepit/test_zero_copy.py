from __future__ import annotations

import pytest

from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef

PAYLOAD = {
    ZERO_COPY_KEY: True,
    "kind": "dlpack",
    "device": "cuda",
    "dtype": "f32",
    "shape": [2, 3],
    "owner": "elixir",
    "ref": "g2gCZA==",
    "copy": False,
    "bytes": 24,
    "metadata": {"layer": 3},
}


@pytest.mark.parametrize("name", [name for name in PAYLOAD if name != ZERO_COPY_KEY])
def test_a_handle_tells_what_its_description_says(name: str) -> None:
    assert getattr(ZeroCopyRef(PAYLOAD), name) == PAYLOAD[name]


@pytest.mark.parametrize("name", ["kind", "device", "dtype", "shape", "owner", "ref", "bytes"])
def test_what_the_description_leaves_out_is_unknown(name: str) -> None:
    assert getattr(ZeroCopyRef({}), name) is None


def test_a_handle_without_metadata_has_empty_metadata() -> None:
    assert ZeroCopyRef({"metadata": None}).metadata == {}


def test_the_description_comes_back_as_a_copy() -> None:
    handle = ZeroCopyRef.from_payload(PAYLOAD)

    returned = handle.to_payload()
    returned["kind"] = "arrow"

    assert handle.to_payload() == handle.payload == PAYLOAD


def test_a_handle_keeps_its_own_copy_of_the_description() -> None:
    payload = dict(PAYLOAD)
    handle = ZeroCopyRef(payload)

    payload["kind"] = "arrow"

    assert handle.kind == "dlpack"


def test_handles_are_equal_when_their_descriptions_are() -> None:
    assert ZeroCopyRef(PAYLOAD) == ZeroCopyRef(PAYLOAD)
    assert ZeroCopyRef(PAYLOAD) != ZeroCopyRef({"kind": "arrow"})
    assert ZeroCopyRef(PAYLOAD) != PAYLOAD


def test_a_handle_shows_what_it_describes_but_not_its_ref() -> None:
    shown = repr(ZeroCopyRef(PAYLOAD))

    assert shown == "ZeroCopyRef(kind='dlpack', device='cuda', dtype='f32', shape=[2, 3])"
