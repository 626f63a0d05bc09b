from __future__ import annotations

from pathlib import Path

import pytest

from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.cli.tokens import tokens_from


def test_without_a_file_there_are_no_tokens() -> None:
    assert tokens_from(None) == []


def test_each_line_is_a_token_save_empty_ones_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# of the first client\n  one \n\ntwo\n")

    assert tokens_from(path) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n# nothing\n", "holds no token; write one a line"),
        (b"s3cr\xc3\xa9t\n", "characters that no header can carry"),
        (b"s3cret\x07\n", "characters that no header can carry"),
        (b"s3cret\xff\n", "holds no text"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_shows_nothing(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(content)

    with pytest.raises(StopError, match=message) as caught:
        tokens_from(path)

    assert caught.value.code is ExitCode.USAGE
    assert "s3cr" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StopError, match="nowhere' cannot be read: No such file"):
        tokens_from(tmp_path / "nowhere")
