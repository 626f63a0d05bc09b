"""``python -m snakepit_bridge.worker``: becomes the form of the worker that Snakepit recognises."""

from __future__ import annotations

import sys

from snakepit_bridge_launcher import become_python, worker_args

if __name__ == "__main__":
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    options = before[: before.index("-m")] if "-m" in before else []
    become_python([*options, *worker_args(sys.argv[1:])])
