"""One directory of this process, out of reach for other users."""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import stat
import weakref
from contextlib import suppress
from pathlib import Path

PREFIX = "snakepit-bridge-"
"""How the names of these directories begin."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# Without O_NONBLOCK a pipe that somebody put in the place of a file would never be open.
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class UnusableFolderError(ValueError):
    """The folder that somebody has chosen cannot be used; says why, and what to do."""


class Folder:
    """A directory that lives no longer than this process; ``open_folder`` makes one.

    It is locked: however the process ends, the system opens the lock. Files are reached through the
    open directory, never by its path. Safe to use from any thread.

    Args:
        path: Where it is.
        fd: The open, locked directory; owned from now on.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._owner = os.getpid()
        # Not before: a number that was closed may by then be that of another file.
        weakref.finalize(self, os.close, fd)
        atexit.register(self.close)

    def create(self, name: str) -> int:
        """Make an empty file and open it for reading or writing; the caller closes it.

        Raises:
            OSError: It cannot be made.
        """
        flags = _FILE | os.O_RDWR | os.O_CREAT | os.O_EXCL
        return os.open(name, flags, 0o600, dir_fd=self._fd)

    def open(self, name: str, *, writable: bool = False) -> int:
        """Open a file that is there; the caller closes it, and looks at what it is.

        Raises:
            OSError: There is none, or a link instead.
        """
        flags = _FILE | (os.O_RDWR if writable else os.O_RDONLY)
        return os.open(name, flags, dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self._fd)

    def is_there(self) -> bool:
        """Whether the path still leads to this directory."""
        try:
            there = self.path.lstat()
        except OSError:
            return False
        here = os.fstat(self._fd)
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def close(self) -> None:
        """Remove the directory with its files; does nothing in a process that was forked off."""
        if os.getpid() == self._owner:
            atexit.unregister(self.close)
            with suppress(OSError):
                _empty(self.path, self._fd)


def open_folder(root: Path) -> Folder:
    """Make a directory of this process in ``root``, which is made, too, if it is missing.

    Raises:
        OSError: It cannot be made.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
    # It gets its name once it is locked, or another bridge takes it for one that was left behind.
    unnamed, path = root / f".{name}", root / name
    unnamed.mkdir(mode=0o700)
    fd = os.open(unnamed, _DIRECTORY)
    # Without locks, as on some network file systems, nothing is ever taken for left behind.
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(path)
    return Folder(path, fd)


def check_root(root: Path) -> None:
    """Make sure that directories can be made in ``root``; where it is missing, that it can be made.

    Leaves nothing behind.

    Raises:
        UnusableFolderError: They cannot.
    """
    missing = [each for each in (root, *root.parents) if not each.exists()]
    try:
        open_folder(root).close()
    except OSError as error:
        raise UnusableFolderError(
            f"The folder {str(root)!r} (--blob-dir) cannot be used: {error.strerror}. "
            "Name one that may be written to, or none."
        ) from error
    finally:
        for each in missing:
            with suppress(OSError):
                each.rmdir()


def remove_abandoned(root: Path, *, uid: int) -> int:
    """Remove the directories in ``root`` whose processes have ended, and say how many there were.

    Args:
        root: Where to look.
        uid: Whose directories.
    """
    try:
        paths = [path for path in root.iterdir() if path.name.startswith(PREFIX)]
    except OSError:
        return 0
    return sum(_remove_if_abandoned(path, uid) for path in paths)


def _remove_if_abandoned(path: Path, uid: int) -> bool:
    try:
        fd = os.open(path, _DIRECTORY)
    except OSError:  # a link, a file, somebody else's, or gone by now
        return False
    try:
        found = os.fstat(fd)
        if found.st_uid != uid or found.st_mode & _OTHERS:
            return False
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _empty(path, fd)
    except OSError:  # its process lives, or there are no locks
        return False
    finally:
        os.close(fd)


def _empty(path: Path, fd: int) -> bool:
    """Remove a directory with its files; whatever else is in there stays, and it, too."""
    for name in os.listdir(fd):
        with suppress(OSError):
            os.unlink(name, dir_fd=fd)
    try:
        path.rmdir()
    except OSError:
        return False
    return True
