from __future__ import annotations

from snakepit_bridge import base_adapter_threaded


def test_adapters_import_the_thread_safe_base_class_by_snakepits_name() -> None:
    assert set(base_adapter_threaded.__all__) == {
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
    }
    assert all(hasattr(base_adapter_threaded, name) for name in base_adapter_threaded.__all__)
