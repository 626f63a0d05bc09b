"""Where this installation keeps what Elixir is to start."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

LAUNCHER = "snakepit-bridge-python"


def worker_script() -> Path:
    """The file whose name Snakepit looks for in command lines."""
    return Path(__file__).resolve().parents[1] / "worker" / "grpc_server.py"


def launcher() -> Path | None:
    """The interpreter that runs our worker where Snakepit asks for its own, if it is installed."""
    # Beside the interpreter, where the installer puts it; the PATH may lead to another one.
    found = shutil.which(LAUNCHER, path=str(Path(sys.executable).parent))
    return Path(found) if found else None
