"""Questions about the thread safety of an adapter."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, TextIO, TypeVar

from snakepit_bridge.adapters.thread_safety import ThreadSafetyChecker, get_global_checker
from snakepit_bridge.adapters.wrapping import enclosed

F = TypeVar("F", bound=Callable[..., Any])

_MUTABLE = (list, dict, set, bytearray)


def check_thread_safe(method: F) -> F:
    """Tell the checker in force which threads are inside the method."""
    name = getattr(method, "__qualname__", repr(method))

    def tracked(*_args: Any, **_kwargs: Any) -> AbstractContextManager[None]:
        return get_global_checker().track_execution(name)

    return enclosed(method, tracked)


def require_thread_safe_adapter(function: F) -> F:
    """Let a function whose first argument is an adapter refuse those that are not thread-safe.

    The function raises ``ValueError`` for an adapter that says so itself; for one that says
    nothing it warns while checking is enabled.
    """

    @functools.wraps(function)
    def checked(adapter: Any, *args: Any, **kwargs: Any) -> Any:
        declared = getattr(adapter, "__thread_safe__", None)
        name = type(adapter).__name__
        if declared is None and get_global_checker().enabled:
            text = f"adapter {name} does not declare thread safety: set __thread_safe__"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        elif declared is not None and not declared:
            text = f"adapter {name} declares itself not thread-safe: run it in the process profile"
            raise ValueError(text)
        return function(adapter, *args, **kwargs)

    required: F = checked  # type: ignore[assignment]  # as the decorated function is called
    return required


def validate_adapter_thread_safety(adapter_class: type) -> bool:
    """Whether a class declares itself thread-safe.

    Raises:
        ValueError: It does not, and the checker in force is strict.
    """
    is_safe = getattr(adapter_class, "__thread_safe__", False) is True
    if not is_safe and get_global_checker().strict_mode:
        text = (
            f"adapter {adapter_class.__name__} is not thread-safe: it lacks __thread_safe__ = True"
        )
        raise ValueError(text)
    return is_safe


def check_common_pitfalls(adapter: Any) -> list[str]:
    """What looks unsafe in an adapter that several threads use; a sentence each."""
    cls = type(adapter)
    found = [*_undeclared(cls), *_shared_by_class(cls), *_without_lock(adapter), *_libraries(cls)]
    return [f"{cls.__name__} {pitfall}" for pitfall in found]


def print_thread_safety_report(file: TextIO | None = None) -> None:
    """Write what the checker in force has seen.

    Args:
        file: Where to; standard output by default.
    """
    report = get_global_checker().get_report()
    lines = [
        "Thread safety report",
        f"  checking: {_mode(report)}, for {report['total_runtime']:.1f} s",
        f"  methods: {report['total_methods_tracked']}",
        f"  threads: {report['total_threads_seen']}",
        f"  warnings: {report['warnings_issued']}",
        *(f"    {text}" for text in report["warnings"]),
        "  used by several threads at the same time:",
        *(f"    {name}: {most}" for name, most in report["concurrent_accesses"].items()),
        "  recommendations:",
        *(f"    {text}" for text in report["recommendations"]),
    ]
    (sys.stdout if file is None else file).write("\n".join(lines) + "\n")


def _mode(report: dict[str, Any]) -> str:
    if not report["enabled"]:
        return "off"
    return "strict" if report["strict_mode"] else "on"


def _undeclared(cls: type) -> Iterator[str]:
    if not getattr(cls, "__thread_safe__", False):
        yield "does not declare __thread_safe__ = True"


def _shared_by_class(cls: type) -> Iterator[str]:
    for owner in cls.__mro__:
        for name, value in vars(owner).items():
            if isinstance(value, _MUTABLE) and not name.startswith("__"):
                yield f"shares the {type(value).__name__} {name!r} between all its objects"


def _without_lock(adapter: Any) -> Iterator[str]:
    own = getattr(adapter, "__dict__", {})
    # A lock's type has no public name; what all of them have is this.
    if any(hasattr(value, "acquire") and hasattr(value, "release") for value in own.values()):
        return
    names = [name for name, value in own.items() if isinstance(value, _MUTABLE)]
    if names:
        yield f"has no lock for {', '.join(map(repr, names))}"


def _libraries(cls: type) -> Iterator[str]:
    module = sys.modules.get(cls.__module__)
    used = (
        {
            value.__name__.partition(".")[0]
            for value in vars(module).values()
            if isinstance(value, ModuleType)
        }
        if module is not None
        else set()
    )
    for library in sorted(used & ThreadSafetyChecker.UNSAFE_LIBRARIES.keys()):
        yield f"uses {library}: {ThreadSafetyChecker.UNSAFE_LIBRARIES[library]}"
