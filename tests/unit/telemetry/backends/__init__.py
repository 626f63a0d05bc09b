"""Tests of ``snakepit_bridge/telemetry/backends``."""
