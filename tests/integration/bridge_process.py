"""``snakepit-bridge serve`` in a process of its own, with a look at its memory."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1024 * 1024


class BridgeProcess:
    """A server that runs.

    Args:
        process: Just started; its stderr is a pipe.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if found := re.search(r"serving .* at (\S+?),", line):
                self.target = found[1]
                break
        else:
            raise AssertionError(f"it does not serve:\n{''.join(seen)}")
        self._proc = Path("/proc") / str(process.pid)

    def resident_mib(self) -> int:
        """What it has in memory now; from here on the peak is counted anew."""
        (self._proc / "clear_refs").write_text("5")
        return self._status("VmRSS")

    def peak_mib(self) -> int:
        """The most it has had in memory since ``resident_mib``."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        found = re.search(
            rf"^{name}:\s+(\d+) kB", (self._proc / "status").read_text(), re.MULTILINE
        )
        assert found is not None
        return int(found[1]) * 1024 // MIB


@contextmanager
def bridge_process(folder: Path, *flags: str) -> Iterator[BridgeProcess]:
    """A server on a free port that is gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakepit_bridge", "serve", "--port", "0", *flags],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield BridgeProcess(process)
        process.terminate()
        process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()
