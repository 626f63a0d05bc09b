from __future__ import annotations

import pytest

from snakepit_bridge.values.message_pack.steps import key_step
from snakepit_bridge.values.paths import Step, path_text
from snakepit_bridge.values.refs import Ref


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("a", "a"),
        (Ref("a"), "a"),
        (1, 1),
        (-(2**63), -(2**63)),
        (2**64, "<int>"),
        (10**5000, "<int>"),
        (True, "True"),
        (None, "None"),
        (1.5, "1.5"),
        (b"a", "<bytes>"),
        ((1, 2), "<tuple>"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_key_is_a_step(key: object, step: Step) -> None:
    assert key_step(key) == step
    assert type(key_step(key)) in {str, int}
    assert path_text([key_step(key)])
