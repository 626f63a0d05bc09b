"""Heartbeats, under the name by which programs import them."""

from __future__ import annotations

from snakepit_bridge.adapters.heartbeat import HeartbeatClient, HeartbeatConfig

__all__ = ["HeartbeatClient", "HeartbeatConfig"]
