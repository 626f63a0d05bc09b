"""The base class of thread-safe adapters, under the name by which they import it."""

from __future__ import annotations

from snakepit_bridge.adapters.base import BaseAdapter, ToolMetadata, tool
from snakepit_bridge.adapters.request_tracker import RequestTracker
from snakepit_bridge.adapters.threaded import (
    ExampleThreadSafeAdapter,
    ThreadLocalStorage,
    ThreadSafeAdapter,
    require_thread_safe,
    thread_safe_method,
    validate_thread_safety,
)

__all__ = [
    "BaseAdapter",
    "ExampleThreadSafeAdapter",
    "RequestTracker",
    "ThreadLocalStorage",
    "ThreadSafeAdapter",
    "ToolMetadata",
    "require_thread_safe",
    "thread_safe_method",
    "tool",
    "validate_thread_safety",
]
