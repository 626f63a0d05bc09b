"""What this process takes of its machine."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

_MEMORY = Path("/proc/self/statm")
_MIB = 1024 * 1024

_TICK_S = 1e-6
"""Between two readings at least this much passes, however coarse the clock."""

# The peak is told in KiB, by Darwin in bytes.
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def memory_mb(source: Path = _MEMORY) -> float:
    """MiB of memory the process occupies.

    Args:
        source: Where Linux tells pages: total, resident, and more. Without such a file the answer
            is the most that the process ever occupied.
    """
    try:
        resident_pages = int(source.read_text().split()[1])
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
        return round(peak / _MIB, 2)
    return round(resident_pages * os.sysconf("SC_PAGE_SIZE") / _MIB, 2)


class CpuMeter:
    """Tells how busy the process was since somebody last asked, without waiting to see."""

    def __init__(self) -> None:
        self._last = (time.monotonic(), time.process_time())
        """Time and processor time of the last reading, in seconds."""

    def percent(self) -> float:
        """Percent of one processor, above 100 where several were busy.

        It speaks of the time since the last call, at first since this meter was made.
        """
        then, busy_then = self._last
        now, busy_now = self._last = time.monotonic(), time.process_time()
        passed = max(now - then, _TICK_S)
        return round(100 * (busy_now - busy_then) / passed, 1)
