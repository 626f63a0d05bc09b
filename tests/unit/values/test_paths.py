from __future__ import annotations

import pytest

from snakepit_bridge.values.paths import Step, path_text


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], "$"),
        (["rows", 3, "name"], "$.rows[3].name"),
        ([""], '$[""]'),
        (["two words"], '$["two words"]'),
        (['quo"te'], '$["quo\\"te"]'),
        (["größe"], '$["gr\\u00f6\\u00dfe"]'),
        (["\ud800"], '$["\\ud800"]'),
    ],
)
def test_a_path_reads_like_code_and_is_ascii(steps: list[Step], text: str) -> None:
    assert path_text(steps) == text


def test_a_long_key_keeps_its_beginning_and_its_end() -> None:
    text = path_text(["a" + "b" * 1_000 + "c"])

    assert text.startswith('$["abb')
    assert text.endswith('bbc"]')
    assert len(text) < 50


def test_a_long_path_leaves_out_its_middle() -> None:
    text = path_text(["first", *range(1_000), "last"])

    assert text.startswith("$.first[0][1]")
    assert "..." in text
    assert text.endswith("[999].last")
    assert len(text) <= 120
