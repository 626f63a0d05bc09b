"""One piece of binary data in a file of its own."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.leases.disk import closing_fd, is_blank, read_all, write_all
from snakepit_bridge.leases.folder import Folder
from snakepit_bridge.leases.refusals import broken, file_gone, incomplete, no_room, not_ours

COPY_BELOW = 1024 * 1024
"""Bytes below which a copy costs less than a mapping, and nobody can take them away again."""

_CHECKSUM_STEP = 1024 * 1024

_BLOCK_BYTES = 512
"""What ``st_blocks`` counts, whatever the file system does."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Room for data, as whoever is to fill it sees it."""

    handle: str
    """Its name: opaque, unguessable, never used again."""

    path: Path
    """For programs of the same user on this host. They write into the file; they neither replace
    it nor change its mode."""

    size: int
    """Bytes it has room for, and has to have in the end."""


class LeaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of the data."""

    size: int
    received: int
    """Bytes that have come so far."""

    crc32: int | None
    """CRC-32 of what was uploaded so far; ``None`` where the data came another way."""

    expires_in_s: float
    """Seconds after which they are removed, unless somebody uses them."""


class LeasedFile:
    """The file of one lease. Safe to use from any thread.

    Args:
        folder: Where the file is.
        name: Its name there.
        size: Bytes it has once it is complete.
        uid: Whose it must be.
    """

    def __init__(self, folder: Folder, name: str, size: int, *, uid: int) -> None:
        self.size = size
        self.path = folder.path / name
        self.last_used = 0.0
        """Of the store, under its lock."""
        self._folder = folder
        self._name = name
        self._uid = uid
        self._lock = threading.Lock()
        self._identity = (0, 0)
        self._untouched_ns = -1
        self._was_blank = False
        self._by_path = True
        self._received = 0
        self._crc32: int | None = None

    # --- filling --------------------------------------------------------------------------------

    def wait_for(self, fd: int) -> None:
        """The file is new, and somebody else fills it."""
        # Whoever writes sets the time, so an old one tells that nobody has.
        os.utime(fd, ns=(0, 0))
        self._untouched_ns, self._crc32 = self._remember(fd).st_mtime_ns, 0
        self._was_blank = is_blank(fd)

    def fill(self, fd: int, data: memoryview) -> None:
        """The file is new; put all data into it.

        Raises:
            OSError: There is no room.
        """
        write_all(fd, data, 0)
        self._remember(fd)
        self._by_path, self._received = False, self.size

    def write(self, offset: int, data: memoryview) -> int:
        """Take the next bytes of an upload; what came before may come once more.

        Raises:
            InvalidArgumentError: They leave a gap, are too many, or differ from what came before.
            QuotaExceededError: There is no room any more.
        """
        with self._lock, self.opened(writable=True) as fd:
            known = self._known_of(offset, data)
            if read_all(fd, known, offset) != data[:known]:
                raise InvalidArgumentError(
                    f"The bytes from {offset} on are not those that came before.",
                    {"received": self._received, "hint": "Create another blob and begin again."},
                )
            fresh = data[known:]
            try:
                write_all(fd, fresh, offset + known)
            except OSError as error:
                raise no_room(self.size, {self.path.parent: error}) from error
            self._by_path = False
            self._received += len(fresh)
            if self._crc32 is not None:
                self._crc32 = zlib.crc32(fresh, self._crc32)
            return self._received

    def _known_of(self, offset: int, data: memoryview) -> int:
        """How many of the bytes have come before."""
        if not 0 <= offset <= self._received:
            raise InvalidArgumentError(
                f"The bytes from {offset} on cannot be taken; {self._received} have come.",
                {"received": self._received, "hint": f"Go on with offset {self._received}."},
            )
        end = offset + len(data)
        if end > self.size:
            raise InvalidArgumentError(
                f"{end} bytes are more than the {self.size} of this blob.",
                {"bytes": self.size, "hint": "Create one of the right size."},
            )
        return min(end, self._received) - offset

    def check(self, crc32: int) -> None:
        """Compare all data with their CRC-32; if it is another, an upload has to begin again.

        Raises:
            InvalidArgumentError: It is another.
            WrongCallError: The data are not complete.
        """
        actual = self.checksum()
        if actual == crc32:
            return
        with self._lock:
            if self._crc32 is not None:
                self._received = self._crc32 = 0
        raise InvalidArgumentError(
            f"The CRC-32 of the data is {actual:#010x}, not {crc32:#010x}.",
            {"crc32": actual, "hint": "They changed on their way; send them again from offset 0."},
        )

    # --- reading --------------------------------------------------------------------------------

    def data(self) -> memoryview:
        """All data, read-only: a copy of a few, else the file itself.

        Raises:
            WrongCallError: They are not complete.
        """
        with self.opened() as fd:
            self.check_complete(fd)
            if self.size < COPY_BELOW or _has_holes(os.fstat(fd)):
                return memoryview(self._read(fd, 0, self.size))
            mapping = mmap.mmap(fd, self.size, access=mmap.ACCESS_READ)
            # Reading beyond the end of the file would end this process; it had that length before.
            self._check_file(os.fstat(fd))
            return memoryview(mapping)

    def read(self, offset: int, size: int) -> bytes:
        """Some of the data, copied; fewer than ``size`` only at their end.

        Raises:
            InvalidArgumentError: The place is not within the data.
            WrongCallError: They are not complete.
        """
        if not 0 <= offset <= self.size or size < 0:
            raise InvalidArgumentError(
                f"{size} bytes from {offset} on are not within the {self.size} bytes of this blob.",
                {"bytes": self.size},
            )
        with self.opened() as fd:
            self.check_complete(fd)
            return self._read(fd, offset, min(size, self.size - offset))

    def checksum(self) -> int:
        """CRC-32 of all data.

        Raises:
            WrongCallError: They are not complete.
        """
        with self.opened() as fd:
            self.check_complete(fd)
            if not self._by_path and self._crc32 is not None:
                return self._crc32
            crc32 = 0
            for offset in range(0, self.size, _CHECKSUM_STEP):
                piece = self._read(fd, offset, min(_CHECKSUM_STEP, self.size - offset))
                crc32 = zlib.crc32(piece, crc32)
            return crc32

    def info(self, *, expires_in_s: float) -> LeaseInfo:
        """What there is of the data.

        Raises:
            BlobNotFoundError: The file is gone.
            WrongCallError: Something else is in its place.
        """
        with self._lock, self._open() as fd:
            found = os.fstat(fd)
            self._check_owner(found)
            received, crc32 = self._received, self._crc32
            if self._by_path:
                crc32 = None
                received = min(found.st_size, self.size) if self._is_written(fd) else 0
        return LeaseInfo(size=self.size, received=received, crc32=crc32, expires_in_s=expires_in_s)

    def check_complete(self, fd: int) -> None:
        """Refuse data of which some have not come.

        Raises:
            WrongCallError: Says how many are missing.
        """
        with self._lock:
            received = self._received
            if self._by_path and self._is_written(fd):
                return
        if received < self.size:
            raise incomplete(received, self.size)

    def remove(self) -> None:
        """Remove the file; whoever has it open goes on reading."""
        self._folder.remove(self._name)

    # --- the file -------------------------------------------------------------------------------

    @contextmanager
    def opened(self, *, writable: bool = False) -> Iterator[int]:
        """The file, open for the block, which is still the one that was made.

        Raises:
            BlobNotFoundError: It is gone.
            WrongCallError: Something else is in its place, it is not as long as it should be, or
                the system does not let it be used.
        """
        with self._open(writable=writable) as fd:
            self._check_file(os.fstat(fd))
            yield fd

    @contextmanager
    def _open(self, *, writable: bool = False) -> Iterator[int]:
        try:
            fd = self._folder.open(self._name, writable=writable)
        except FileNotFoundError as error:
            raise file_gone() from error
        except OSError as error:
            linked = error.errno == errno.ELOOP
            raise (not_ours("is a symbolic link") if linked else broken(error)) from error
        with closing_fd(fd):
            try:
                yield fd
            except OSError as error:  # the disk fails, or there is no memory for a mapping
                raise broken(error) from error

    def _is_written(self, fd: int) -> bool:
        """Whether somebody has written to the file by its path."""
        # A write through a mapping may leave the time of the file alone.
        is_later = os.fstat(fd).st_mtime_ns != self._untouched_ns
        return is_later or (self._was_blank and not is_blank(fd))

    def _remember(self, fd: int) -> os.stat_result:
        found = os.fstat(fd)
        self._identity = (found.st_dev, found.st_ino)
        return found

    def _check_file(self, found: os.stat_result) -> None:
        self._check_owner(found)
        if found.st_size != self.size:
            raise incomplete(found.st_size, self.size)

    def _check_owner(self, found: os.stat_result) -> None:
        mode = stat.S_IMODE(found.st_mode)
        wrong = {
            "is no regular file": not stat.S_ISREG(found.st_mode),
            "belongs to another user": found.st_uid != self._uid,
            f"has {found.st_nlink} names": found.st_nlink != 1,
            f"has the mode {mode:04o}": mode != stat.S_IRUSR | stat.S_IWUSR,
            "is another one": (found.st_dev, found.st_ino) != self._identity,
        }
        for what, is_so in wrong.items():
            if is_so:
                raise not_ours(what)

    def _read(self, fd: int, offset: int, size: int) -> bytes:
        data = read_all(fd, size, offset)
        if len(data) < size:
            raise incomplete(offset + len(data), self.size)
        return data


def _has_holes(found: os.stat_result) -> bool:
    """Whether there may be no room for some bytes; to look at them in a mapping ends a process."""
    return found.st_blocks * _BLOCK_BYTES < found.st_size
