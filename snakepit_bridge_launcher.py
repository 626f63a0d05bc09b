"""``snakepit-bridge-python``: a Python that runs our worker where Snakepit asks for its own."""

from __future__ import annotations

import os
import sys

# As type checkers know it; to import it would take a fifth of the start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SCRIPTS = ("grpc_server.py", "grpc_server_threaded.py")
"""The names of the scripts that Snakepit hands to its interpreter, whatever their folder."""

# This module imports nothing of the package, because a rival package of its name may come first on
# the path. Both are installed into one folder.
WORKER = os.path.join(  # noqa: PTH118  (pathlib takes as long as all the rest)
    os.path.dirname(os.path.abspath(__file__)),  # noqa: PTH100, PTH120
    *("snakepit_bridge", "worker", "grpc_server.py"),
)


def main() -> NoReturn:
    """Become the worker where Snakepit's script was asked for, else the plain interpreter."""
    args = sys.argv[1:]
    if args and os.path.basename(args[0]) in SCRIPTS:  # noqa: PTH119
        args = worker_args(args[1:], script=args[0])
    become_python(args)


def worker_args(flags: list[str], *, script: str = "") -> list[str]:
    """What to tell the interpreter so that it runs the worker.

    Args:
        flags: Those of the worker.
        script: The script that the caller wanted to run.
    """
    told = ["--snakepit-script", script] if script else []
    # -P, because the worker's folder is no place to import from.
    return ["-P", WORKER, *told, *flags]


def become_python(args: list[str]) -> NoReturn:
    """Replace this process by the interpreter it runs on; the process id stays."""
    # Not the path of this program: Snakepit knows its processes by the name "python".
    os.execv(sys.executable, [sys.executable, *args])  # noqa: S606  (there is no shell to avoid)
