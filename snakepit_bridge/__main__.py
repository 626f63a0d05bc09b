"""``python -m snakepit_bridge``: the command line."""

from __future__ import annotations

from snakepit_bridge.cli import main

main()
