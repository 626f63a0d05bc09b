"""Snakepit's name for the generated messages, for code that runs outside of a worker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2

if TYPE_CHECKING:
    from snakepit_bridge.grpc._generated.snakepit_bridge_pb2 import *  # noqa: F403

# The very module: two modules of one file cannot be loaded.
sys.modules[__name__] = snakepit_bridge_pb2
