"""Checkpoints in a folder of the operator's, for jobs whose process may be killed."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from io import FileIO
from pathlib import Path

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.jobs.journal import MAX_BYTES

log = logging.getLogger(__name__)

MAX_FILES = 100
"""Checkpoints one folder keeps; the oldest make room."""

SUFFIX = ".dspy-job.jsonl"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


class CheckpointFolder:
    """Files that grow with the jobs they belong to.

    Whoever knows the name of one may resume its job and read its examples, in any session and after
    any restart: the name is the key. It carries 64 random bits, and no error tells another one.

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
        # Others on this machine have no business with prompts and answers.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room()
        file = CheckpointFile(path, FileIO(path, "xb", opener=_made_for_its_owner))
        _lock(file.fileno())
        return file

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
            # No other names: each opens the checkpoint of somebody's job.
            raise InvalidArgumentError(
                f"There is no checkpoint {name!r}.",
                {"argument": "resume", "hint": "It may have made room for others."},
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

    def _make_room(self) -> None:
        assert self._path is not None
        found = sorted(self._path.glob(f"*{SUFFIX}"), key=_age)
        too_many = len(found) - self._max_files + 1
        for path in found:
            if too_many <= 0:
                return
            too_many -= _removed(path)


class CheckpointFile:
    """One file that grows. Not safe from several threads at once.

    What is written survives the process. A file that cannot grow any more, e.g. on a full disk,
    ends with its last whole line; the job goes on.

    Args:
        path: Where it is.
        file: Open for writing, unbuffered.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._size = 0
        self._is_broken = False

    def fileno(self) -> int:
        """The descriptor, as of any file."""
        return self._file.fileno()

    def append(self, line: bytes) -> None:
        """Write one line, or none from now on."""
        if self._is_broken:
            return
        try:
            self._write(line)
        except OSError:
            self._is_broken = True
            log.exception("the checkpoint %s grows no more", self._path)
            self._cut()
        else:
            self._size += len(line)

    def close(self, *, needed: bool) -> None:
        """End it, and delete it where nobody will need it.

        Raises:
            OSError: One of them went wrong; it is closed all the same.
        """
        try:
            self._file.close()
        finally:
            if not needed:
                self._path.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            # A disk that is nearly full takes a part, and refuses the rest.
            written = self._file.write(rest)
            rest = rest[written or 0 :]

    def _cut(self) -> None:
        try:
            self._file.truncate(self._size)
        except OSError:
            log.exception("the checkpoint %s ends within a line", self._path)


def _made_for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_APPEND, 0o600)


def _lock(descriptor: int) -> bool:
    """Lock a file as long as it is open; false where a running job, whosesoever, has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks here, as on some network file systems
    return True


def _removed(path: Path) -> bool:
    """Delete the file of a job that has ended; false where it is in use."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not _lock(descriptor):
            return False
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    return True


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # somebody else has just deleted it
