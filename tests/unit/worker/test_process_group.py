from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snakepit_bridge.worker.process_group import lead_process_group

if TYPE_CHECKING:
    import pytest


def test_the_process_becomes_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    led: list[bool] = []
    monkeypatch.setattr(os, "setsid", lambda: led.append(True))

    lead_process_group()

    assert led == [True]


def test_a_leader_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setsid", refuse)

    lead_process_group()
