"""What adapters inherit that serve several calls at once."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.request_tracker import RequestTracker
from snakepit_bridge.adapters.tools import tool
from snakepit_bridge.adapters.wrapping import enclosed

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])


class ThreadLocalStorage:
    """Values by key, other ones on each thread; a thread takes its values with it."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of this thread, or ``default``."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a value for this thread."""
        self._values[key] = value

    def clear(self, key: str | None = None) -> None:
        """Forget one value of this thread; all of them without a key."""
        if key is None:
            self._values.clear()
        else:
            self._values.pop(key, None)

    @property
    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = self._local.__dict__
        return values


class ThreadSafeAdapter(BaseAdapter):
    """An adapter with a lock, with storage for each thread, with counts of its requests.

    They are those of one object. To share them between calls, let the object live longer than
    a call: ``adapter_lifetime = "process"``.
    """

    __thread_safe__ = True

    _is_plumbing: ClassVar[bool] = True

    # Made before the constructor, so that one that forgets ours works all the same.
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Make the object with what it keeps for threads."""
        self = super().__new__(cls)
        self._shared_lock = threading.RLock()
        self._thread_local = ThreadLocalStorage()
        self._tracker = RequestTracker()
        return self

    _shared_lock: threading.RLock
    _thread_local: ThreadLocalStorage
    _tracker: RequestTracker

    @contextmanager
    def acquire_lock(self) -> Iterator[None]:
        """Keep other threads out of such blocks of this object; may be nested."""
        with self._shared_lock:
            yield

    def get_thread_local(self, key: str, default: Any = None) -> Any:
        """The value that this thread has set in this object, or ``default``."""
        return self._thread_local.get(key, default)

    def set_thread_local(self, key: str, value: Any) -> None:
        """Keep a value for this thread in this object."""
        self._thread_local.set(key, value)

    def clear_thread_local(self, key: str | None = None) -> None:
        """Forget one value of this thread; all of them without a key."""
        self._thread_local.clear(key)

    def track_request(self, request_id: str | None = None) -> AbstractContextManager[int]:
        """Count a request while the block runs; gives its running number, from 1."""
        return self._tracker.track_request(request_id)

    def get_stats(self) -> dict[str, Any]:
        """The class, whether it declares itself thread-safe, the counts of its requests."""
        return {
            "adapter_class": type(self).__name__,
            "thread_safe": validate_thread_safety(type(self)),
            "tracker": self._tracker.get_stats(),
        }


def thread_safe_method(method: F) -> F:
    """Declare a method thread-safe; its calls are counted by the adapter, timed in the log.

    Does nothing more in a class that is no ``ThreadSafeAdapter``. Stands above or below
    ``@tool()``, on a method of any kind.
    """
    name = getattr(method, "__qualname__", repr(method))

    def watching(*args: Any, **_kwargs: Any) -> AbstractContextManager[Any]:
        adapter = args[0] if args else None
        return _Watch(adapter, name) if isinstance(adapter, ThreadSafeAdapter) else nullcontext()

    watched = enclosed(method, watching)
    watched.__thread_safe__ = True  # type: ignore[attr-defined]  # a mark on a function
    return watched


def require_thread_safe(function: F) -> F:
    """Let a function whose first argument is an adapter take thread-safe ones only.

    The function raises ``ValueError`` for others.
    """

    @functools.wraps(function)
    def checked(adapter: Any, *args: Any, **kwargs: Any) -> Any:
        if not getattr(adapter, "__thread_safe__", False):
            text = (
                f"{type(adapter).__name__} is not declared thread-safe: "
                "set __thread_safe__ = True in the class once it is"
            )
            raise ValueError(text)
        return function(adapter, *args, **kwargs)

    required: F = checked  # type: ignore[assignment]  # as the decorated function is called
    return required


def validate_thread_safety(cls: type) -> bool:
    """Whether an adapter class declares itself thread-safe."""
    return bool(getattr(cls, "__thread_safe__", False))


class ExampleThreadSafeAdapter(ThreadSafeAdapter):
    """One object for all calls: what is shared stands behind its lock."""

    adapter_lifetime: ClassVar[Literal["request", "session", "process"]] = "process"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    @thread_safe_method
    @tool("Add to a number that all calls share.")
    def count(self, step: int = 1) -> int:
        """Add to a number that all calls share; returns the sum."""
        with self.acquire_lock():
            self._count += step
            return self._count

    @thread_safe_method
    @tool("Square a number, or remember what its square was on this thread.")
    def square(self, number: float) -> dict[str, Any]:
        """Square a number; needs no lock, for each thread has its own memory."""
        known: dict[float, float] = self.get_thread_local("squares", {})
        cached = number in known
        if not cached:
            # One entry is memory enough for an example, and bounded.
            known = {number: number * number}
            self.set_thread_local("squares", known)
        return {"square": known[number], "cached": cached}


class _Watch:
    """One call of a method: counted while it runs, timed, its failure logged."""

    def __init__(self, adapter: ThreadSafeAdapter, name: str) -> None:
        self._request = adapter.track_request(name)
        self._name = name

    def __enter__(self) -> None:
        self._request.__enter__()
        self._began = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        took_s = time.perf_counter() - self._began
        self._request.__exit__(None, None, None)
        if isinstance(error, Exception):
            log.warning("%s failed after %.6f s", self._name, took_s, exc_info=error)
        else:
            log.debug("%s took %.6f s", self._name, took_s)
