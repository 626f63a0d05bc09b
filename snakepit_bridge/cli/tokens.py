"""Tokens out of the operator's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.cli.outcome import ExitCode, StopError

if TYPE_CHECKING:
    from pathlib import Path


def tokens_from(path: Path | None) -> list[str]:
    """The tokens in a file, one a line; none without a file.

    Empty lines do not count, nor do lines that begin with ``#``.

    Raises:
        StopError: The file cannot be read, holds no token, or one that no header can carry. The
            message shows nothing of what it holds.
    """
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        text = f"The token file {str(path)!r} cannot be read: {error.strerror}."
        raise StopError(text, ExitCode.USAGE) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "holds no text") from error
    tokens = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not tokens:
        raise _unusable(path, "holds no token; write one a line")
    if not all(token.isascii() and token.isprintable() for token in tokens):
        raise _unusable(path, "holds a token with characters that no header can carry")
    return tokens


def _unusable(path: Path, why: str) -> StopError:
    return StopError(f"The token file {str(path)!r} {why}.", ExitCode.USAGE)
