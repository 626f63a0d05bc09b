"""Watches methods for threads that are inside them together."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

log = logging.getLogger(__name__)

# What is kept has bounds, for a worker runs for weeks: methods and libraries are few unless a
# caller makes up their names, and of many warnings the last ones tell enough.
MOST_METHODS = 1000
MOST_THREADS = 256
MOST_WARNINGS = 100

_OTHERS = "(others)"


class ThreadSafetyChecker:
    """Notes which methods several threads are inside together, and tells of it once each.

    Used as a context manager, it is what ``check_thread_safe`` reports to while the block runs.

    Args:
        enabled: Whether it does anything at all.
        strict_mode: Whether it raises ``RuntimeError`` where it would warn.
    """

    UNSAFE_LIBRARIES: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "matplotlib": "its figures belong to one thread: make them inside the call",
            "pandas": "objects that threads share need a lock around every use",
            "sqlite3": "a connection belongs to one thread: keep one for each",
        }
    )
    """Libraries by name, with what to mind."""

    def __init__(self, enabled: bool = True, strict_mode: bool = False) -> None:  # noqa: FBT001, FBT002  (Snakepit's own signature)
        self.enabled = enabled
        self.strict_mode = strict_mode
        self._lock = threading.Lock()
        self.reset()

    def check_method_access(self, method_name: str) -> None:
        """Note that this thread uses a method, for a moment.

        Raises:
            RuntimeError: Other threads are inside it, and the mode is strict.
        """
        if self.enabled:
            _, warning = self._entered(method_name, times=0)
            self._warn(warning)

    def check_library_safety(self, library_name: str) -> bool:
        """Whether threads may share a library without care; warns once of one that they may not.

        Args:
            library_name: A module of it will do.

        Raises:
            RuntimeError: They may not, and the mode is strict.
        """
        library = library_name.partition(".")[0]
        advice = self.UNSAFE_LIBRARIES.get(library)
        if advice is None:
            return True
        with self._lock:
            is_news = self.enabled and (self.strict_mode or library not in self._libraries)
            self._libraries.add(library)
        if is_news:
            self._warn(f"library {library!r} is not thread-safe: {advice}")
        return False

    @contextmanager
    def track_execution(self, method_name: str) -> Iterator[None]:
        """Note that this thread is inside a method while the block runs.

        Raises:
            RuntimeError: Other threads are inside it, and the mode is strict.
        """
        if not self.enabled:
            yield
            return
        inside, warning = self._entered(method_name, times=1)
        here = threading.get_ident()
        try:
            self._warn(warning)
            yield
        finally:
            with self._lock:
                inside[here] -= 1
                if not inside[here]:
                    del inside[here]

    def get_report(self) -> dict[str, Any]:
        """What was seen since the start or the last ``reset``; the keys are Snakepit's."""
        with self._lock:
            return {
                "enabled": self.enabled,
                "strict_mode": self.strict_mode,
                "total_runtime": time.monotonic() - self._began,
                "warnings_issued": self._warnings_issued,
                "warnings": list(self._warnings),
                "concurrent_accesses": dict(self._together),
                "total_methods_tracked": len(self._calls),
                "total_threads_seen": len(self._threads),
                "thread_utilization": dict(self._threads),
                "recommendations": self._recommendations(),
            }

    def reset(self) -> None:
        """Forget everything; calls that run now are noted again when they begin anew."""
        with self._lock:
            self._began = time.monotonic()
            self._calls: Counter[str] = Counter()
            self._threads: Counter[str] = Counter()
            # Which threads are inside a method now, how often each.
            self._inside: dict[str, Counter[int]] = {}
            # The most threads that were inside it together.
            self._together: dict[str, int] = {}
            self._libraries: set[str] = set()
            self._warnings: deque[str] = deque(maxlen=MOST_WARNINGS)
            self._warnings_issued = 0

    def __enter__(self) -> Self:
        self._before = _in_force.checker
        _in_force.checker = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _in_force.checker = self._before

    def _entered(self, method_name: str, *, times: int) -> tuple[Counter[int], str]:
        """Note a use of a method by this thread.

        Returns:
            Which threads are inside it, how often each; what to warn of, if anything.
        """
        here, thread = threading.get_ident(), threading.current_thread().name
        with self._lock:
            _count(self._threads, thread, MOST_THREADS)
            name = _count(self._calls, method_name, MOST_METHODS)
            inside = self._inside.setdefault(name, Counter())
            together = len(inside.keys() | {here})
            if times:
                inside[here] += times
            # Methods that share one name for want of space are not one method.
            if together == 1 or name == _OTHERS:
                return inside, ""
            is_news = self.strict_mode or name not in self._together
            self._together[name] = max(together, self._together.get(name, 0))
        text = (
            f"method {name!r} is used by {together} threads at the same time: "
            "put a lock around what they share"
        )
        return inside, text if is_news else ""

    def _recommendations(self) -> list[str]:
        shared = [
            f"put a lock around what threads share in {name!r}" for name in sorted(self._together)
        ]
        unsafe = [f"{name}: {self.UNSAFE_LIBRARIES[name]}" for name in sorted(self._libraries)]
        return shared + unsafe

    def _warn(self, text: str) -> None:
        if not text:
            return
        if self.strict_mode:
            raise RuntimeError(text)
        with self._lock:
            self._warnings.append(text)
            self._warnings_issued += 1
        log.warning("%s", text)
        # The line to look at is the caller's; how many frames lie between is not known here.
        warnings.warn(text, RuntimeWarning, stacklevel=3)


class _InForce:
    """The checker that decorators report to; threads must find it, so no context has it."""

    checker = ThreadSafetyChecker(enabled=False)


_in_force = _InForce()


def get_global_checker() -> ThreadSafetyChecker:
    """The checker that decorators report to; it does nothing until ``enable_checking``."""
    return _in_force.checker


def enable_checking(strict_mode: bool = False) -> ThreadSafetyChecker:  # noqa: FBT001, FBT002  (Snakepit's own signature)
    """Let a new checker watch the whole process.

    Args:
        strict_mode: Whether it raises ``RuntimeError`` where it would warn.
    """
    _in_force.checker = ThreadSafetyChecker(enabled=True, strict_mode=strict_mode)
    return _in_force.checker


def disable_checking() -> None:
    """Stop watching; the report stays."""
    _in_force.checker.enabled = False


def _count(counts: Counter[str], name: str, most: int) -> str:
    """Count under this name, or with the others when there are too many names already."""
    if name not in counts and len(counts) >= most:
        name = _OTHERS
    counts[name] += 1
    return name
