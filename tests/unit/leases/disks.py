"""A stand-in for disks that are full, or are not ours."""

from __future__ import annotations

import errno
from pathlib import Path

from snakepit_bridge.leases.disk import Disk


class FakeDisk(Disk):
    """Folders of a test.

    Args:
        folders: The best one first.
    """

    def __init__(self, *folders: Path) -> None:
        super().__init__()
        self._fake_folders = folders
        self.user = super().uid()
        self.failures: list[int] = []
        """How the next files cannot be made, one each; 0 is that it can."""

    def folders(self) -> tuple[Path, ...]:
        return self._fake_folders

    def folders_for(self, size: int) -> tuple[Path, ...]:
        return self._fake_folders

    def uid(self) -> int:
        return self.user

    def reserve(self, fd: int, size: int) -> None:
        failure = self.failures.pop(0) if self.failures else 0
        if failure:
            raise OSError(failure, {errno.ENOSPC: "No space left on device"}.get(failure, "Broken"))
        super().reserve(fd, size)
