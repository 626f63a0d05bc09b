"""The command line: words in, exit code out."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process; its exit code says how that ended."""
    # What a start makes is modules and their classes, which all live on. To look for garbage among
    # them takes a twelfth of the time it takes; so that waits until the command is imported.
    gc.disable()
    from snakepit_bridge.cli.program import run

    sys.exit(run(sys.argv[1:]))
