"""Tests of ``snakepit_bridge.handlers.dspy.jobs``."""
