"""Snakepit's own ``priv/python``: another package of our name, which must never be loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

RIVAL_EXIT_CODE = 97
"""How the rival's server ends, should anybody start it."""

_NO_IMPORT = "raise ImportError('the rival module ' + __name__ + ' was imported')\n"
_NO_START = f"""import sys

sys.stderr.write('the rival server was started\\n')
sys.exit({RIVAL_EXIT_CODE})
"""

FILES: Mapping[str, str] = {
    "grpc_server.py": _NO_START,
    "grpc_server_threaded.py": _NO_START,
    "snakepit_bridge_pb2.py": _NO_IMPORT,
    "snakepit_bridge_pb2_grpc.py": _NO_IMPORT,
    "snakepit_bridge/__init__.py": _NO_IMPORT,
    "snakepit_bridge/base_adapter.py": _NO_IMPORT,
    "snakepit_bridge/adapters/__init__.py": _NO_IMPORT,
}
"""What stands there, by path below the folder; each fails loudly when it is used."""


def write_rival(folder: Path) -> None:
    """Put the rival into a folder, which is made if it is not there."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
