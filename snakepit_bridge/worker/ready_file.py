"""The file by which a worker tells its port."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_ready_file(path: Path, port: int) -> None:
    """Write the port, such that nobody ever reads a part of it.

    Raises:
        OSError: It cannot be written; nothing is left behind.
    """
    draft = path.with_name(f"{path.name}.tmp")
    try:
        draft.unlink(missing_ok=True)
        # "x": whatever somebody else has put there meanwhile, such as a link, is not written to.
        with draft.open("x", encoding="ascii") as file:
            file.write(str(port))
        # Not forced to disk first: only a crash of the whole machine could tell the difference.
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def remove_ready_file(path: Path, port: int) -> None:
    """Take away what nobody has read; Elixir removes what it has."""
    try:
        if path.read_text(encoding="ascii") == str(port):  # and not that of the next worker
            path.unlink()
    except (OSError, UnicodeError):
        return
