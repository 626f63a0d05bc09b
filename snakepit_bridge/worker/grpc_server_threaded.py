"""The script of Snakepit's thread profile, which shows the name that Snakepit looks for."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    script = os.path.abspath(__file__)  # noqa: PTH100  (nothing is imported for so little)
    visible = os.path.join(os.path.dirname(script), "grpc_server.py")  # noqa: PTH118, PTH120
    args = ["-P", visible, "--snakepit-script", script, *sys.argv[1:]]
    os.execv(sys.executable, [sys.executable, *args])  # noqa: S606  (there is no shell to avoid)
