from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import snakepit_bridge_launcher as launcher
from tests.unit.cli.conftest import CommandLine

if TYPE_CHECKING:
    import pytest


def test_the_flags_of_a_worker_are_handed_on_untouched(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, args: begun.append(args))
    flags = ["--adapter", "a.B", "--colour=blue", "-x", "--", "y"]

    outcome = command_line("worker", *flags)

    assert begun == [[sys.executable, "-P", launcher.WORKER, *flags]]
    assert outcome.code == 0
