from __future__ import annotations

import os
import signal

import pytest

from snakepit_bridge.worker.process_group import end_process_group, lead_process_group


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


@pytest.mark.parametrize("leads", [True, False])
def test_the_group_of_a_leader_alone_is_asked_to_end(
    monkeypatch: pytest.MonkeyPatch, *, leads: bool
) -> None:
    asked: list[tuple[int, signal.Signals]] = []
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid() if leads else os.getpid() + 1)
    monkeypatch.setattr(os, "killpg", lambda *asking: asked.append(asking))

    end_process_group()

    assert asked == ([(os.getpid(), signal.SIGTERM)] if leads else [])


def test_a_group_that_cannot_be_asked_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    monkeypatch.setattr(os, "killpg", refuse)

    end_process_group()
