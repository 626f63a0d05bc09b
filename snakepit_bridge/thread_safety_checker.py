"""The checker of thread safety, under the name by which adapters import it."""

from __future__ import annotations

from snakepit_bridge.adapters.thread_safety import (
    ThreadSafetyChecker,
    disable_checking,
    enable_checking,
    get_global_checker,
)
from snakepit_bridge.adapters.thread_safety_checks import (
    check_common_pitfalls,
    check_thread_safe,
    print_thread_safety_report,
    require_thread_safe_adapter,
    validate_adapter_thread_safety,
)

UNSAFE_LIBRARIES = ThreadSafetyChecker.UNSAFE_LIBRARIES

__all__ = [
    "UNSAFE_LIBRARIES",
    "ThreadSafetyChecker",
    "check_common_pitfalls",
    "check_thread_safe",
    "disable_checking",
    "enable_checking",
    "get_global_checker",
    "print_thread_safety_report",
    "require_thread_safe_adapter",
    "validate_adapter_thread_safety",
]
