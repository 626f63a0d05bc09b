"""How long ``serve`` takes to be ready, beside ``python -c "import grpc"``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

POLL_S = 0.001

# Installed programs have their byte code on disk; a shell that forbids writing it must not make
# every start compile.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


def import_grpc_s() -> float:
    """Seconds of a process that only imports grpc."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import grpc"], check=True, env=ENVIRONMENT)
    return time.perf_counter() - started


def serve_ready_s(folder: Path) -> float:
    """Seconds from the start of ``serve`` to its ready file, which it writes once it answers."""
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakepit_bridge", "serve", "--port", "0"]
    started = time.perf_counter()
    with subprocess.Popen(
        [*command, "--ready-file", str(ready)], stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        while not ready.exists():
            if process.poll() is not None:
                text = f"serve ended with {process.returncode} before it was ready"
                raise RuntimeError(text)
            time.sleep(POLL_S)
        elapsed_s = time.perf_counter() - started
        process.terminate()
    return elapsed_s
