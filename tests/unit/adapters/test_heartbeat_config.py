from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from snakepit_bridge.heartbeat import HeartbeatConfig


def test_the_defaults_are_snakepits() -> None:
    assert HeartbeatConfig() == HeartbeatConfig(
        enabled=True,
        interval_ms=2000,
        timeout_ms=10000,
        max_missed_heartbeats=3,
        initial_delay_ms=0,
        jitter_ms=0,
        dependent=True,
    )


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        HeartbeatConfig().enabled = False  # type: ignore[misc]  # that is the point


def test_names_may_be_in_camel_case_and_others_are_ignored() -> None:
    options = {
        "intervalMs": 100,
        "timeout_ms": 200,
        "maxMissedHeartbeats": 5,
        "initialDelayMs": 7,
        "something": "else",
    }

    assert HeartbeatConfig.from_mapping(options) == HeartbeatConfig(
        interval_ms=100, timeout_ms=200, max_missed_heartbeats=5, initial_delay_ms=7
    )


def test_what_is_not_given_is_taken_from_the_defaults() -> None:
    defaults = HeartbeatConfig(interval_ms=100, dependent=False)

    config = HeartbeatConfig.from_mapping({"timeout_ms": 200}, defaults=defaults)

    assert config == HeartbeatConfig(interval_ms=100, timeout_ms=200, dependent=False)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (True, True),
        (1, True),
        (0, False),
        ("1", True),
        (" TRUE ", True),
        ("t", True),
        ("yes", True),
        ("Y", True),
        ("on", True),
        ("false", False),
        ("off", False),
        ("", False),
        ("perhaps", True),
        (None, True),
        ([], True),
    ],
)
def test_booleans_may_be_words(given: Any, *, read: bool) -> None:
    assert HeartbeatConfig.from_mapping({"enabled": given}).enabled is read


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("interval_ms", "100", 100),
        ("interval_ms", 100.7, 100),
        ("interval_ms", "soon", 2000),
        ("interval_ms", None, 2000),
        ("interval_ms", True, 2000),
        ("interval_ms", math.inf, 2000),
        ("interval_ms", [], 2000),
        ("interval_ms", 0, 2000),
        ("timeout_ms", -1, 10000),
        ("max_missed_heartbeats", -1, 3),
        ("max_missed_heartbeats", 0, 0),
        ("jitter_ms", 0, 0),
        ("initial_delay_ms", -5, 0),
    ],
)
def test_numbers_may_be_text_and_nonsense_counts_as_not_given(
    name: str, given: Any, read: int
) -> None:
    assert getattr(HeartbeatConfig.from_mapping({name: given}), name) == read
