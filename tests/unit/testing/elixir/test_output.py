from __future__ import annotations

import pytest

from snakepit_bridge.testing.elixir.output import KEPT_BYTES, OutputTail


def test_the_end_is_kept() -> None:
    output = OutputTail()
    output.append(b"first " * KEPT_BYTES)
    output.append(b"the end")

    assert output.size_bytes == 6 * KEPT_BYTES + 7
    assert len(output.text()) == KEPT_BYTES
    assert output.text().endswith("first the end")


def test_text_that_is_there_is_not_waited_for() -> None:
    output = OutputTail()
    output.append("grüße\n".encode())

    output.wait_for("grüße")


def test_text_that_does_not_come_is_missed() -> None:
    output = OutputTail()
    output.append(b"something else")

    with pytest.raises(TimeoutError, match="something else"):
        output.wait_for("ready", timeout_s=0.0)
