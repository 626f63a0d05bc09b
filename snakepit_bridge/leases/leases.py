"""Keeps binary data for a while, each under an opaque handle."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.leases import refusals
from snakepit_bridge.leases.disk import Disk, closing_fd
from snakepit_bridge.leases.folder import Folder, check_root, open_folder, remove_abandoned
from snakepit_bridge.leases.lease import Lease, LeasedFile, LeaseInfo
from snakepit_bridge.leases.limits import IDLE_S, MAX_BYTES, SWEEP_INTERVAL_S
from snakepit_bridge.leases.quota import Quota
from snakepit_bridge.leases.spares import Spares
from snakepit_bridge.values.blob import Data

_HANDLE_BYTES = 24

_ABANDONED_INTERVAL_S = 300.0
"""Seconds between two looks for what other processes have left behind."""


class Leases:
    """The only owner of data behind handles. Safe to use from any thread.

    Nothing is made before the first use. Whoever knows a handle may use it. A forked process may
    not.

    Args:
        disk: Where files are.
        max_bytes: Of all data together.
        idle_s: Data that nobody has asked for so long are removed.
        clock: Where time comes from.
    """

    def __init__(
        self,
        disk: Disk | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        idle_s: float = IDLE_S,
        clock: Clock | None = None,
    ) -> None:
        self._disk = disk or Disk()
        self._quota = Quota(max_bytes)
        self._idle_s = idle_s
        self._clock = clock or SystemClock()
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._files: dict[str, LeasedFile] = {}
        self._folders: dict[Path, Folder] = {}
        self._names = itertools.count(1)
        self._looked = float("-inf")
        self._spares = Spares(self._reserve)

    @property
    def idle_s(self) -> float:
        """Seconds for which data are kept that nobody asks for."""
        return self._idle_s

    def __len__(self) -> int:
        return len(self._files)

    # --- filling --------------------------------------------------------------------------------

    def create(self, size: int) -> Lease:
        """Reserve room for data that somebody else writes: through the path, or with ``write``.

        Args:
            size: Bytes they will have.

        Raises:
            InvalidArgumentError: It is below 0.
            QuotaExceededError: There is no room.
        """
        handle, file = self._add(size, LeasedFile.wait_for)
        return Lease(handle=handle, path=file.path, size=size)

    def put(self, data: Data) -> str:
        """Keep a copy of some data.

        Returns:
            The handle.

        Raises:
            QuotaExceededError: There is no room.
        """
        view = memoryview(data)
        view = view if view.format == "B" and view.ndim == 1 else view.cast("B")
        handle, _ = self._add(len(view), lambda file, fd: file.fill(fd, view))
        return handle

    def write(self, handle: str, offset: int, data: Data) -> int:
        """Take the next bytes of an upload.

        Args:
            handle: Where they belong.
            offset: Of the first of them: what came so far, or less where an answer was lost; what
                comes twice must be the same.
            data: The bytes.

        Returns:
            How many have come now.

        Raises:
            BlobNotFoundError: There is no such handle.
            InvalidArgumentError: They leave a gap, are too many, or differ from what came before.
        """
        return self._use(handle).write(offset, memoryview(data))

    def finish(self, handle: str, *, crc32: int | None = None) -> None:
        """Make sure that everything has come.

        Args:
            handle: Of the data.
            crc32: What their CRC-32 (that of zlib) should be.

        Raises:
            BlobNotFoundError: There is no such handle.
            WrongCallError: Some bytes are missing.
            InvalidArgumentError: The CRC-32 is another; an upload has to begin again.
        """
        file = self._use(handle)
        if crc32 is not None:
            file.check(crc32)
            return
        with file.opened() as fd:
            file.check_complete(fd)

    # --- reading --------------------------------------------------------------------------------

    def data(self, handle: str) -> memoryview:
        """All data, read-only and without a copy if they are large.

        The view is good for as long as somebody has it, whatever becomes of the handle. A program
        of the same user that changes the file meanwhile changes what the view shows, and one that
        makes it shorter ends whoever reads beyond its end.

        Raises:
            BlobNotFoundError: There is no such handle.
            WrongCallError: The data are not complete, or the file is not what it was.
        """
        return self._use(handle).data()

    def read(self, handle: str, offset: int, size: int) -> bytes:
        """Some of the data, copied; fewer than ``size`` only at their end.

        Raises:
            BlobNotFoundError: There is no such handle.
            InvalidArgumentError: The place is not within the data.
            WrongCallError: The data are not complete, or the file is not what it was.
        """
        return self._use(handle).read(offset, size)

    def checksum(self, handle: str) -> int:
        """CRC-32 of all data, as zlib has it; reads them unless they were uploaded.

        Raises:
            BlobNotFoundError: There is no such handle.
            WrongCallError: The data are not complete, or the file is not what it was.
        """
        return self._use(handle).checksum()

    def path(self, handle: str) -> Path:
        """Where complete data are, for a program of the same user on this host to read.

        Raises:
            BlobNotFoundError: There is no such handle.
            WrongCallError: The data are not complete, or the file is not what it was.
        """
        file = self._use(handle)
        with file.opened() as fd:
            file.check_complete(fd)
        return file.path

    def info(self, handle: str) -> LeaseInfo:
        """What there is of the data; not a use, so it makes them live no longer.

        Raises:
            BlobNotFoundError: There is no such handle.
        """
        file = self._find(handle)
        idle_s = self._clock.monotonic() - file.last_used
        return file.info(expires_in_s=max(0.0, self._idle_s - idle_s))

    def release(self, handle: str) -> bool:
        """Remove the data; false when they were gone already."""
        self._check_usable()
        file = self._take_out(handle)
        if file is None:
            return False
        file.remove()
        return True

    # --- lifetimes ------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Remove data that have been idle for too long, and say how many there were.

        Now and then also what bridges left behind that could not close.
        """
        self._check_usable()
        self._remove_abandoned()
        now = self._clock.monotonic()
        self._spares.clear_idle(now=now)
        with self._lock:
            idle = [handle for handle, file in self._files.items() if self._is_idle(file, now)]
        return sum(map(self.release, idle))

    @asynccontextmanager
    async def sweeping(self, interval_s: float = SWEEP_INTERVAL_S) -> AsyncIterator[None]:
        """Look for idle data while the block runs, beginning with what was left behind."""
        task = asyncio.create_task(self._sweep(interval_s))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """Remove everything; does nothing in a process that was forked off."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._closed = True
            self._files.clear()
            folders = list(self._folders.values())
        self._spares.close()
        for folder in folders:
            folder.close()

    async def _sweep(self, interval_s: float) -> None:
        while True:
            await asyncio.to_thread(self.sweep)
            await asyncio.sleep(interval_s)

    # --- inside ---------------------------------------------------------------------------------

    def _add(self, size: int, fill: Callable[[LeasedFile, int], None]) -> tuple[str, LeasedFile]:
        """A new file, filled, under its handle."""
        self.sweep()
        self._quota.take(size)
        with ExitStack() as undo:
            undo.callback(self._quota.give_back, size)
            file = self._make(size, fill)
            undo.pop_all()
        handle = secrets.token_urlsafe(_HANDLE_BYTES)
        file.last_used = self._clock.monotonic()
        with self._lock:
            self._files[handle] = file
        if self._closed:
            # Perhaps the file was made after its folder had been emptied.
            self.close()
            raise refusals.closed()
        return handle, file

    def _make(self, size: int, fill: Callable[[LeasedFile, int], None]) -> LeasedFile:
        """A file in the first folder that takes it."""
        tried: dict[Path, OSError] = {}
        for root in self._disk.folders_for(size):
            try:
                return self._make_in(root, size, fill)
            except OSError as error:
                tried[root] = error
        raise refusals.no_room(size, tried) from next(iter(tried.values()))

    def _make_in(
        self, root: Path, size: int, fill: Callable[[LeasedFile, int], None]
    ) -> LeasedFile:
        folder = self._folder_in(root)
        spare = self._spares.take(folder, size, now=self._clock.monotonic())
        name = spare or self._reserve(folder, size)
        file = LeasedFile(folder, name, size, uid=self._disk.uid())
        with ExitStack() as undo:
            undo.callback(folder.remove, name)
            with closing_fd(folder.open(name, writable=True)) as fd:
                fill(file, fd)
            undo.pop_all()
        return file

    def _reserve(self, folder: Folder, size: int) -> str:
        """A new file with room for so many bytes."""
        name = str(next(self._names))
        with ExitStack() as undo:
            fd = folder.create(name)
            undo.callback(folder.remove, name)
            with closing_fd(fd):
                self._disk.reserve(fd, size)
            undo.pop_all()
        return name

    def _folder_in(self, root: Path) -> Folder:
        with self._lock:
            folder = self._folders.get(root)
            if folder is None or not folder.is_there():
                if self._closed:
                    raise refusals.closed()
                if folder is not None:
                    folder.close()
                folder = self._folders[root] = open_folder(root)
            return folder

    def _remove_abandoned(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if now - self._looked < _ABANDONED_INTERVAL_S:
                return
            self._looked = now
        for root in self._disk.folders():
            remove_abandoned(root, uid=self._disk.uid())

    def _use(self, handle: str) -> LeasedFile:
        file = self._find(handle)
        file.last_used = self._clock.monotonic()
        return file

    def _find(self, handle: str) -> LeasedFile:
        self._check_usable()
        file = self._files.get(handle)
        if file is not None and self._is_idle(file, self._clock.monotonic()):
            self.release(handle)
            file = None
        if file is None:
            raise refusals.unknown(handle)
        return file

    def _is_idle(self, file: LeasedFile, now: float) -> bool:
        return now - file.last_used >= self._idle_s

    def _take_out(self, handle: str) -> LeasedFile | None:
        with self._lock:
            file = self._files.pop(handle, None)
        if file is not None:
            self._quota.give_back(file.size)
        return file

    def _check_usable(self) -> None:
        # Before any lock: a forked process has a copy of it, which may be taken for ever.
        if os.getpid() != self._owner:
            raise refusals.forked(self._owner)
        if self._closed:
            raise refusals.closed()


@contextmanager
def open_leases(
    directory: Path | None = None,
    *,
    max_bytes: int = MAX_BYTES,
    idle_s: float = IDLE_S,
    clock: Clock | None = None,
) -> Iterator[Leases]:
    """A store that lives as long as the block, and takes its data with it.

    Args:
        directory: The folder for its files; shared memory, or the temporary folder, by default.
        max_bytes: Of all data together.
        idle_s: Data that nobody has asked for so long are removed.
        clock: Where time comes from.

    Raises:
        UnusableFolderError: No file can be made in the directory.
    """
    if directory is not None:
        check_root(directory)
    leases = Leases(Disk(directory), max_bytes=max_bytes, idle_s=idle_s, clock=clock)
    try:
        yield leases
    finally:
        leases.close()
