"""What importing and using the handler does to a process that has done nothing before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

USE = """
import json, logging, socket, sys

def refuse(*_):
    raise AssertionError("the network was reached for")

socket.getaddrinfo = socket.socket.connect = refuse
logging.basicConfig(level=logging.WARNING)

from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

sessions = SessionManager(EmbeddedHost())
handler = DSPyHandler(sessions.instances)
session = sessions.get_or_create("one")
ref = handler.create(session, class_path="dspy.Predict", args=["question -> answer"])
handler.configure(session, lm={"model": "offline", "answers": [{"answer": "42"}]})
call = {"ref": ref, "method": "__call__", "args": {"question": "?"}}
print(json.dumps(handler.call_method(session, call)))
"""

LOADED = """
import json, sys
import snakepit_bridge.handlers.dspy_handler
import snakepit_bridge.handlers.dspy.offline
print(json.dumps([name for name in ("dspy", "litellm", "openai", "grpc") if name in sys.modules]))
"""


def run(program: str, home: Path) -> tuple[Any, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_importing_the_handler_imports_no_dspy(tmp_path: Path) -> None:
    loaded, _ = run(LOADED, tmp_path)

    assert loaded == []


def test_a_call_needs_no_network_and_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    answer, said = run(USE, tmp_path)

    assert answer == {"answer": "42"}
    assert said == ""
    assert list(tmp_path.iterdir()) == []
