from __future__ import annotations

from snakepit_bridge import thread_safety_checker


def test_adapters_import_the_checker_by_snakepits_name() -> None:
    assert set(thread_safety_checker.__all__) == {
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
    }
    assert "pandas" in thread_safety_checker.UNSAFE_LIBRARIES
