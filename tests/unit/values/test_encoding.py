from __future__ import annotations

import pickle

import pytest

from snakepit_bridge.values.encoding import Encoded


def test_an_encoded_value_is_empty_unless_told_otherwise() -> None:
    assert Encoded() == Encoded(value=b"", parts={})


def test_an_encoded_value_cannot_change() -> None:
    with pytest.raises(AttributeError):
        Encoded().value = b"1"  # type: ignore[misc]  # that it cannot is the point


def test_an_encoded_value_reaches_another_process() -> None:
    encoded = Encoded(b"1", {"a": b"2"})

    assert pickle.loads(pickle.dumps(encoded)) == encoded
