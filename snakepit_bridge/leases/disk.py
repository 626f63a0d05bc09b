"""What the system offers for keeping data: folders, room in them, an owner."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snakepit_bridge.leases.memory_room import memory_room

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (the folder in it is ours alone)
"""Where Linux has a file system in memory."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM})
"""How the system says that data do not fit."""

_CANNOT_RESERVE = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTSUP})

_ZEROS = bytes(1024 * 1024)


class Disk:
    """The file systems of this machine.

    Args:
        directory: The one folder to use, made if it is missing; without it shared memory, or the
            temporary folder.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = None if directory is None else directory.absolute()

    def folders(self) -> tuple[Path, ...]:
        """Every folder that data may be kept in, the best one first."""
        if self._directory is not None:
            return (self._directory,)
        # Here, because few processes ever keep data, and a server should start quickly.
        import tempfile  # noqa: PLC0415

        return (SHARED_MEMORY, Path(tempfile.gettempdir()))

    def folders_for(self, size: int) -> tuple[Path, ...]:
        """Those with room for so many bytes, as far as that is known beforehand.

        Data go into shared memory if they take less than half of what is left there, and of the
        memory that is left: other programs, and this one, need some, too.
        """
        best, *others = self.folders()
        if others and size >= self.shared_memory_room() // 2:
            return tuple(others)
        return (best, *others)

    def shared_memory_room(self) -> int:
        """Bytes that shared memory can take; 0 where there is none."""
        try:
            room = os.statvfs(SHARED_MEMORY)
        except OSError:  # another system
            return 0
        return min(room.f_bavail * room.f_frsize, memory_room())

    def uid(self) -> int:
        """Whose the files must be."""
        return os.geteuid()

    def reserve(self, fd: int, size: int) -> None:
        """Make an empty file ``size`` bytes long, with room for every one of them.

        Without it a file system that is full later ends whoever has the file in its memory.

        Raises:
            OSError: There is no room; its number is one of ``NO_ROOM``.
        """
        if not size:
            return
        try:
            os.posix_fallocate(fd, 0, size)
        except AttributeError:  # macOS
            write_zeros(fd, size)
        except OSError as error:
            if error.errno not in _CANNOT_RESERVE:
                raise
            write_zeros(fd, size)


def write_zeros(fd: int, size: int) -> None:
    """The same as ``reserve`` on a system or a file system that cannot do it at once."""
    for start in range(0, size, len(_ZEROS)):
        write_all(fd, memoryview(_ZEROS)[: size - start], start)


def write_all(fd: int, data: memoryview, offset: int) -> None:
    """Write all bytes, however many the system takes at once.

    Raises:
        OSError: There is no room, or the disk fails.
    """
    while data:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written


@contextmanager
def closing_fd(fd: int) -> Iterator[int]:
    """An open file, closed when the block ends."""
    try:
        yield fd
    finally:
        os.close(fd)


def is_blank(fd: int) -> bool:
    """Whether nothing was written since room was reserved, as far as the file system tells.

    A file that was only reserved is one hole; where a reserved file is not, nothing ever is.
    """
    try:
        os.lseek(fd, 0, os.SEEK_DATA)
    except (OSError, AttributeError):  # nothing but a hole, or nobody tells
        return True
    return False


def read_all(fd: int, size: int, offset: int) -> bytes:
    """Up to ``size`` bytes; fewer where the file ends."""
    pieces: list[bytes] = []
    while size:
        piece = os.pread(fd, size, offset)
        if not piece:
            break
        pieces.append(piece)
        size, offset = size - len(piece), offset + len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
