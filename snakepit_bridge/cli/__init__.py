"""The command line: words in, exit code out."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process; its exit code says how that ended."""
    if sys.argv[1:2] == ["worker"]:
        # Becomes another process in the end; the less this one imports before, the better.
        from snakepit_bridge_launcher import become_python, worker_args

        become_python(worker_args(sys.argv[2:]))
    # What a start makes is modules and their classes, which all live on. To look for garbage among
    # them takes a twelfth of the time it takes; so that waits until the command is imported.
    gc.disable()
    from snakepit_bridge.cli.program import run

    sys.exit(run(sys.argv[1:]))
