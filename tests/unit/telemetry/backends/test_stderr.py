from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from snakepit_bridge.telemetry.backends.stderr import StderrBackend

if TYPE_CHECKING:
    import pytest


def test_an_event_is_one_line_of_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    before = time.time_ns()

    StderrBackend().emit("a.b", {"count": 1}, {"text": "two\nlines", "other": {1}}, "sp-1")

    written = capsys.readouterr()
    assert written.out == ""
    prefix, _, text = written.err.partition(":")
    line = json.loads(text)
    assert (prefix, written.err.count("\n")) == ("TELEMETRY", 1)
    assert before <= line.pop("timestamp_ns") <= time.time_ns()
    assert line == {
        "event": "a.b",
        "measurements": {"count": 1},
        "metadata": {"text": "two\nlines", "other": "{1}"},
        "correlation_id": "sp-1",
    }


def test_stderr_is_not_closed(capsys: pytest.CaptureFixture[str]) -> None:
    backend = StderrBackend()

    backend.close()
    backend.emit("a.b", {}, {})

    assert json.loads(capsys.readouterr().err.removeprefix("TELEMETRY:"))["correlation_id"] is None
