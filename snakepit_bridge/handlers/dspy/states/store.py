"""Saved states: files in the one directory that the operator names."""

from __future__ import annotations

import os
import re
import secrets
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError, QuotaExceededError
from snakepit_bridge.handlers.dspy.states.text import MAX_BYTES
from snakepit_bridge.nearest import did_you_mean

MAX_FILES = 10_000
"""Entries of the directory, whoever made them; listing so many takes some 20 milliseconds."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

ENDING = ".json"

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""A pipe or device that somebody put there must not keep the thread waiting."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class SavedState(msgspec.Struct, frozen=True):
    """One file."""

    name: str
    bytes: int
    saved_at: datetime

    def shown(self) -> dict[str, Any]:
        """The facts for people."""
        return {"name": self.name, "bytes": self.bytes, "saved_at": self.saved_at.isoformat()}


class StateStore:
    """Keeps states by name. Safe to use from any thread; everything here blocks.

    Names that differ in case only would be one file on some systems, so there is one of them
    everywhere. Links and whatever else is no plain file are not seen.

    Args:
        directory: Made when the first state is saved, for its owner alone.
        max_files: Entries it may have.
    """

    def __init__(self, directory: Path, *, max_files: int = MAX_FILES) -> None:
        self._directory = directory
        self._max_files = max_files
        self._lock = threading.Lock()

    def save(self, name: str, data: bytes) -> SavedState:
        """Write a state, in the place of an older one of this name, wholly or not at all.

        Raises:
            InvalidArgumentError: The name is none, or differs from another in case only.
            QuotaExceededError: There are too many files.
            DSPyError: The directory cannot be written.
        """
        _check(name)
        with self._lock, _told("written"):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._opened() as folder:
                self._check_room(folder, name)
                return _write(folder, name, data)

    def read(self, name: str) -> bytes:
        """The bytes of a state.

        Raises:
            InvalidArgumentError: The name is none, there is no such state, or it is too large.
            DSPyError: It cannot be read.
        """
        _check(name)
        with _told("read"), self._opened_if_there() as folder:
            names = set() if folder is None else _names(folder)
            # Not left to the system: some find a file under a name of another case.
            if name not in names:
                raise _no_state(name, names)
            try:
                descriptor = os.open(name + ENDING, _READ, dir_fd=folder)
            except FileNotFoundError as error:  # another process has deleted it
                raise _no_state(name, []) from error
            with os.fdopen(descriptor, "rb") as file:
                return _content(file, name)

    def listed(self) -> list[SavedState]:
        """All states, by name.

        Raises:
            DSPyError: The directory cannot be read.
        """
        with _told("read"), self._opened_if_there() as folder:
            return [] if folder is None else list(_found(folder, sorted(_names(folder))))

    def delete(self, name: str) -> bool:
        """Remove a state; false when there was none.

        Raises:
            InvalidArgumentError: The name is none.
            DSPyError: The directory cannot be written.
        """
        _check(name)
        with self._lock, _told("written"), self._opened_if_there() as folder:
            if folder is None or name not in _names(folder):
                return False
            try:
                os.unlink(name + ENDING, dir_fd=folder)
            except FileNotFoundError:  # another process was faster
                return False
            return True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The directory itself: what its path leads to may change meanwhile."""
        folder = os.open(self._directory, _DIRECTORY)
        try:
            yield folder
        finally:
            os.close(folder)

    @contextmanager
    def _opened_if_there(self) -> Iterator[int | None]:
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(self._opened())
            except FileNotFoundError:
                folder = None
            yield folder

    def _check_room(self, folder: int, name: str) -> None:
        entries = os.listdir(folder)
        file = name + ENDING
        if file in entries:
            if _is_something_else(folder, file):
                raise InvalidArgumentError(
                    f"{name!r} is something else than a state where states are saved.",
                    {"name": name, "hint": "Choose another name."},
                )
            return
        rival = next((each for each in entries if each.lower() == file.lower()), None)
        if rival is not None:
            raise InvalidArgumentError(
                f"The name {name!r} differs from {rival.removesuffix(ENDING)!r} in case only.",
                {"name": name, "hint": "Write it like that, or choose another name."},
            )
        if len(entries) >= self._max_files:
            raise QuotaExceededError(
                f"There are {len(entries)} saved states, as many as there may be.",
                {"limit": self._max_files, "hint": "Delete some with 'dspy.delete_state'."},
            )


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r:.200} is no name for a state.",
            {
                "argument": "name",
                "hint": "Up to 100 letters, digits, '.', '_' and '-', the first a letter or digit.",
            },
        )


def _names(folder: int) -> set[str]:
    with os.scandir(folder) as entries:
        return {
            each.name.removesuffix(ENDING)
            for each in entries
            if each.name.endswith(ENDING)
            and NAME.fullmatch(each.name.removesuffix(ENDING))
            and each.is_file(follow_symlinks=False)
        }


def _is_something_else(folder: int, file: str) -> bool:
    """Whether a name is taken by what is no plain file."""
    try:
        facts = os.stat(file, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # another process has deleted it
        return False
    return not stat.S_ISREG(facts.st_mode)


def _found(folder: int, names: Iterable[str]) -> Iterator[SavedState]:
    for name in names:
        # Other processes may save or delete in this directory, too.
        with suppress(FileNotFoundError):
            yield _saved(name, os.stat(name + ENDING, dir_fd=folder, follow_symlinks=False))


def _saved(name: str, facts: os.stat_result) -> SavedState:
    return SavedState(name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))


def _write(folder: int, name: str, data: bytes) -> SavedState:
    # No state can have this name, so that nobody finds one that is not complete.
    draft = f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(draft, _CREATE, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            saved = _saved(name, os.fstat(file.fileno()))
        os.rename(draft, name + ENDING, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):  # it has its name
            os.unlink(draft, dir_fd=folder)
    os.fsync(folder)
    return saved


def _content(file: Any, name: str) -> bytes:
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        raise _no_state(name, [])
    data: bytes = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidArgumentError(
            f"The state {name!r} has more than {MAX_BYTES:,} bytes.",
            {"name": name, "limit": MAX_BYTES},
        )
    return data


def _no_state(name: str, names: set[str] | list[str]) -> InvalidArgumentError:
    hint = did_you_mean(name, names, otherwise="'dspy.list_states' lists them.")
    return InvalidArgumentError(f"No state {name!r} is saved.", {"name": name, "hint": hint})


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Without the path, which is the operator's.
        raise DSPyError(
            f"The saved states cannot be {what}: {error.strerror}.",
            {"hint": "Look at the directory of --dspy-state-dir where the bridge runs."},
            code=ErrorCode.WRONG_CALL,
        ) from error
