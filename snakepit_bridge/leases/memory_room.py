"""How much memory this process may still take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 62
"""Where nothing says how much there is, and what the first control groups call no limit."""


def memory_room(root: Path = Path("/")) -> int:
    """Bytes that can be taken before the system, or the container, ends processes.

    Args:
        root: What the paths of the system start from.

    Returns:
        A very large number where the system does not tell.
    """
    return max(0, min(_of_machine(root), *_of_groups(root), _UNLIMITED))


def _of_machine(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return _number(rest.split()[0]) * 1024
    return _UNLIMITED


def _of_groups(root: Path) -> Iterator[int]:
    """What each control group leaves that this process is in; the outer ones count, too."""
    for line in _lines(root / "proc/self/cgroup"):
        _, kinds, path = line.split(":", 2)
        if not kinds:
            mount, limit, used = "sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in kinds.split(","):
            mount, limit, used = (
                "sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            )
        else:
            continue
        folder = root / mount / path.lstrip("/")
        for group in (folder, *list(folder.parents)[: len(Path(path).parts) - 1]):
            yield _left_in(group, limit, used)


def _left_in(group: Path, limit: str, used: str) -> int:
    allowed = _number(next(_lines(group / limit), "max"))
    if allowed >= _UNLIMITED:
        return _UNLIMITED
    # What of files the system can forget at once is counted as used, but is not.
    idle = (line.split() for line in _lines(group / "memory.stat"))
    cached = {name: int(size) for name, size in idle}
    forgettable = cached.get("total_inactive_file", cached.get("inactive_file", 0))
    return allowed - _number(next(_lines(group / used), "0")) + forgettable


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else _UNLIMITED


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
