from __future__ import annotations

from typing import Any

from snakepit_bridge.handlers.dspy.accounts.history_texts import told_messages, told_outputs
from tests.unit.handlers.dspy.workshop import CANARY


def test_a_bare_prompt_is_a_message() -> None:
    assert told_messages({"prompt": "Why?", "messages": None}, (), 100) == [
        {"role": "user", "content": "Why?"}
    ]


def test_long_texts_are_cut() -> None:
    (message,) = told_messages({"prompt": "x" * 1000}, (), 100)

    assert len(message["content"]) < 200


def test_secrets_are_blotted_out_at_any_depth() -> None:
    content = [{"type": "text", "text": f"Bearer {CANARY}"}]
    told = told_messages({"messages": [{"role": "user", "content": content}]}, (CANARY,), 100)

    assert told == [{"role": "user", "content": [{"type": "text", "text": "Bearer ***"}]}]


def test_what_is_no_data_is_told_by_its_type() -> None:
    assert told_outputs({"outputs": [object(), 1, None, True]}, (), 9) == [
        "<object>",
        1,
        None,
        True,
    ]


def test_deep_and_wide_values_are_bounded() -> None:
    deep: Any = "end"
    for _ in range(50):
        deep = [deep]

    (told,) = told_outputs({"outputs": [deep]}, (), 9)
    (wide,) = told_outputs({"outputs": [list(range(10_000))]}, (), 9)

    assert "end" not in str(told)
    assert len(wide) < 1000
    assert told_outputs({}, (), 9) == []
