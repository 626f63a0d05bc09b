"""Files of a bridge on the same machine, opened by its client."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

from snakepit_bridge.leases.folder import PREFIX

if TYPE_CHECKING:
    from snakepit_bridge.values.blob import Data


class SharedFileError(Exception):
    """The file is not here, or not what a bridge of this user would have made."""


def write_file(path: str, data: Data) -> None:
    """Fill a file that the bridge has made for these data; may block.

    Raises:
        SharedFileError: There is no such file of this user and size in a bridge's directory.
    """
    with _opened(path, os.O_RDWR) as descriptor:
        size = os.fstat(descriptor).st_size
        if size != len(data):
            raise SharedFileError(f"{path!r} has {size} bytes and not {len(data)}")
        left, place = memoryview(data), 0
        # Not through a mapping: room that is not there ends whoever writes to one.
        while left:
            try:
                written = os.pwrite(descriptor, left, place)
            except OSError as error:
                raise SharedFileError(f"{path!r} cannot be written: {error.strerror}") from error
            left, place = left[written:], place + written


def map_file(path: str) -> memoryview:
    """The bytes of a file of the bridge, read-only and not copied; it may be removed meanwhile.

    Raises:
        SharedFileError: There is no such file of this user in a bridge's directory, or it is empty.
    """
    with _opened(path, os.O_RDONLY) as descriptor:
        try:
            return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        except ValueError as error:
            raise SharedFileError(f"{path!r} is empty") from error


@contextmanager
def _opened(path: str, mode: int) -> Iterator[int]:
    # A bridge that is not what it seems must not have other files of this user written to.
    if not PurePath(path).parent.name.startswith(PREFIX):
        raise SharedFileError(f"{path!r} lies in no directory of a bridge")
    try:
        descriptor = os.open(path, mode | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SharedFileError(f"{path!r} cannot be opened here: {error.strerror}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise SharedFileError(f"{path!r} is no file of this user")
        yield descriptor
    finally:
        os.close(descriptor)
