"""Checkpoints in a folder of the operator's, for jobs whose process may be killed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.jobs.journal import MAX_BYTES
from snakepit_bridge.nearest import did_you_mean

MAX_FILES = 100
"""Checkpoints one folder keeps; the oldest make room."""

SUFFIX = ".dspy-job.jsonl"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


class CheckpointFolder:
    """Files that grow with the jobs they belong to.

    Args:
        path: The folder; made when the first file is. ``None`` keeps nothing.
        max_files: How many it keeps.
    """

    def __init__(self, path: Path | None, *, max_files: int = MAX_FILES) -> None:
        self._path = path
        self._max_files = max_files

    @property
    def is_there(self) -> bool:
        """Whether the operator has named a folder."""
        return self._path is not None

    def open(self, name: str) -> CheckpointFile:
        """A new file of this name, which is a job's ref.

        Raises:
            OSError: It cannot be made.
        """
        path = self._file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._make_room()
        # Others on this machine have no business with prompts and answers.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return CheckpointFile(path, os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0))

    def read(self, name: str) -> bytes:
        """What a file holds.

        Raises:
            NotAllowedError: The operator has named no folder.
            InvalidArgumentError: There is no file of this name.
        """
        path = self._file(name)
        try:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            hint = did_you_mean(name, self._names(), otherwise="It may have made room for others.")
            raise InvalidArgumentError(
                f"There is no checkpoint {name!r}.", {"argument": "resume", "hint": hint}
            ) from error

    def _file(self, name: str) -> Path:
        if self._path is None:
            raise NotAllowedError(
                "The bridge keeps no checkpoints in files.",
                {
                    "argument": "resume",
                    "hint": "Send the bytes of the checkpoint; or the operator names a folder.",
                },
            )
        if not _NAME.fullmatch(name):
            raise InvalidArgumentError(
                f"{name[:100]!r} is no name of a checkpoint.",
                {"argument": "resume", "hint": "It is the ref of the job, or its bytes."},
            )
        return self._path / f"{name}{SUFFIX}"

    def _names(self) -> list[str]:
        assert self._path is not None
        return [path.name.removesuffix(SUFFIX) for path in self._path.glob(f"*{SUFFIX}")]

    def _make_room(self) -> None:
        assert self._path is not None
        found = sorted(self._path.glob(f"*{SUFFIX}"), key=_age)
        for path in found[: max(0, len(found) - self._max_files + 1)]:
            path.unlink(missing_ok=True)


class CheckpointFile:
    """One file that grows. Not safe from several threads at once.

    Args:
        path: Where it is.
        file: Open for writing, unbuffered: what is written survives the process.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def append(self, line: bytes) -> None:
        """Write one line."""
        self._file.write(line)

    def close(self, *, needed: bool) -> None:
        """End it, and delete it where nobody will need it."""
        self._file.close()
        if not needed:
            self._path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # somebody else has just deleted it
