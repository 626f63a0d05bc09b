"""What Snakepit lets through; everything else it drops without a word."""

from __future__ import annotations

EVENTS = {
    "python.call.start",
    "python.call.stop",
    "python.call.exception",
    "python.memory.sampled",
    "python.cpu.sampled",
    "python.gc.completed",
    "python.error.occurred",
    "tool.execution.start",
    "tool.execution.stop",
    "tool.execution.exception",
    "tool.result_size",
}

MEASUREMENTS = {
    *("duration", "duration_ms", "bytes", "system_time", "queue_depth", "queue_time"),
    *("available_workers", "busy_workers", "total_workers", "worker_count", "lifetime"),
    *("total_commands", "command_count", "downtime", "restart_count", "retry_count"),
    *("request_size", "response_size", "message_size", "sequence_number", "message_count"),
    *("network_time", "uptime", "call_count", "affinity_duration", "commands_with_affinity"),
    *("rss_bytes", "vms_bytes", "cpu_percent", "collected", "generation", "latency_ms", "count"),
    "python_pid",
}
"""One other key, and the whole event is dropped."""
