"""How much binary data may be kept, how long they may be."""

from __future__ import annotations

MAX_BYTES = 8 * 1024**3
"""Of all data together; what does not fit into shared memory is in files on a disk."""

IDLE_S = 300.0
"""Data that nobody has asked for so long are removed: far longer than any pause between two calls
that belong together."""

MAX_LEASES = 1_000
"""Data of their own file each; whoever keeps so many has forgotten to release them."""

SWEEP_INTERVAL_S = 30.0
"""Seconds between two looks for idle data, the same as for sessions."""
