from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from snakepit_bridge.values.tagged.container_tags import (
    read_dict,
    read_frozenset,
    read_set,
    read_slice,
    read_tuple,
)
from snakepit_bridge.values.tagged.tags import TagError
from tests.unit.values.strategies import same

SAME_HASH = [sys.hash_info.modulus * factor for factor in range(1, 200)]


def test_members_become_the_container() -> None:
    assert same(read_tuple({"elements": [1, []]}), (1, []))
    assert same(read_set({"value": [1, 2, 1]}), {1, 2})
    assert same(read_frozenset({"elements": [(1,)]}), frozenset({(1,)}))
    assert same(read_dict({"pairs": [[(1,), []], ["a", 2]]}), {(1,): [], "a": 2})
    assert same(read_slice({"start": "a", "stop": None, "step": 2}), slice("a", None, 2))
    assert same(read_slice({"start": 1}), slice(1, None, None))


@pytest.mark.parametrize(
    ("read", "members", "message"),
    [
        (read_tuple, {}, 'without "elements"'),
        (read_tuple, {"elements": {}}, "whose \"elements\" is of type 'dict', not a list"),
        (
            read_set,
            {"elements": [1, (2, [])]},
            "whose member 1 is of type 'tuple', which cannot be hashed",
        ),
        (
            read_frozenset,
            {"elements": [{}]},
            "whose member 0 is of type 'dict', which cannot be hashed",
        ),
        (read_dict, {"pairs": [[1, 2], [3]]}, "whose pair 1 is not a list of a key and a value"),
        (read_dict, {"pairs": ["ab"]}, "whose pair 0 is not a list of a key and a value"),
        (
            read_dict,
            {"pairs": [[[], 1]]},
            "whose key 0 is of type 'list', which cannot be hashed",
        ),
        (
            read_dict,
            {"pairs": [[0, 1], [1, 2], [True, 3]]},
            "whose pair 2 has the key of another one: True",
        ),
        (read_slice, {}, 'without "start"'),
        (
            read_set,
            {"elements": SAME_HASH},
            "with more than 100 members of the same hash as others, or chosen ones",
        ),
        (
            read_dict,
            {"pairs": [[key, 1] for key in SAME_HASH]},
            "with more than 100 keys of the same hash as others, or chosen ones",
        ),
    ],
    ids=lambda given: given[:20] if isinstance(given, str) else "",
)
def test_malformed_tags_are_refused(
    read: Callable[[dict[str, Any]], object], members: dict[str, Any], message: str
) -> None:
    with pytest.raises(TagError) as caught:
        read(members)

    assert str(caught.value) == message
