from __future__ import annotations

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.choice import ENCODINGS, find_encoding
from snakepit_bridge.values.old_convention import OldConvention
from snakepit_bridge.values.plain_json import PlainJson


def test_an_encoding_is_found_by_its_name() -> None:
    assert isinstance(find_encoding("json"), PlainJson)
    assert isinstance(find_encoding(""), OldConvention)


@pytest.mark.parametrize("name", ["xml", "JSON", " json", "empty"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        find_encoding(name)

    assert caught.value.message == f"No encoding is called {name!r}."
    assert caught.value.details["encoding"] == name
    assert caught.value.hint.startswith("The encodings are: ")
    assert all((known or "empty") in caught.value.hint for known in ENCODINGS)
