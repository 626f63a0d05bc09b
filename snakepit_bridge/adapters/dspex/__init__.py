"""The tools of DSPex of July 2025."""

from __future__ import annotations

from snakepit_bridge.adapters.dspex.adapter import DSPexAdapter, DSPyGRPCHandler

__all__ = ["DSPexAdapter", "DSPyGRPCHandler"]
