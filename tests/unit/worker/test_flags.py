from __future__ import annotations

import pytest

from snakepit_bridge.settings import all_settings
from snakepit_bridge.worker.flags import FIXED_SETTINGS, KNOWN, parse, usage

MARKERS = ["--snakepit-run-id", "k3x9a2p", "--snakepit-instance-name", "app@host"]


def test_the_flags_that_elixir_sends_are_understood() -> None:
    flags = parse(
        [
            *("--adapter", "my_app.Adapter", "--port", "0"),
            *("--elixir-address", "127.0.0.1:41234", *MARKERS, "--snakepit-instance-token", "t0"),
        ]
    )

    assert (flags.adapter, flags.port) == ("my_app.Adapter", 0)
    assert flags.elixir_address == "127.0.0.1:41234"
    assert flags.ignored == flags.problems == []


def test_every_heartbeat_flag_becomes_an_option() -> None:
    flags = parse(
        [
            *("--heartbeat-enabled", "--heartbeat-interval-ms", "100"),
            *("--heartbeat-timeout-ms", "200", "--heartbeat-max-missed", "3"),
            *("--heartbeat-initial-delay-ms", "-1", "--heartbeat-independent"),
        ]
    )

    assert flags.heartbeat == {
        "enabled": True,
        "interval_ms": 100,
        "timeout_ms": 200,
        "max_missed_heartbeats": 3,
        "initial_delay_ms": -1,
        "dependent": False,
    }


def test_of_two_flags_that_contradict_each_other_the_last_counts() -> None:
    flags = parse(["--heartbeat-independent", "--heartbeat-dependent", "--port", "1", "--port=2"])

    assert flags.heartbeat == {"dependent": True}
    assert flags.port == 2


def test_the_flags_of_the_thread_profile_are_understood() -> None:
    flags = parse(["--max-workers", "8", "--thread-safety-check", "--gil-timeout-s", "1.5"])

    assert (flags.max_workers, flags.thread_safety_check) == (8, True)
    assert flags.gil_timeout_s == 1.5


@pytest.mark.defect("D27")
def test_a_mode_is_taken_without_a_word() -> None:
    flags = parse(["--mode", "threaded", "--max-workers", "4"])

    assert flags.max_workers == 4
    assert flags.ignored == flags.problems == []


@pytest.mark.defect("D27")
def test_unknown_flags_are_collected_without_their_values() -> None:
    flags = parse(["--api-key=secret", "--colour", "blue", "-x", "--port", "7"])

    assert flags.ignored == ["--api-key", "--colour", "a value without a flag", "-x"]
    assert (flags.port, flags.problems) == (7, [])


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--port", "http"], "--port is 'http'; expected a whole number from 0 to 65535."),
        (["--port", "65536"], "--port is '65536'; expected a whole number from 0 to 65535."),
        (["--port"], "--port needs a value: --port N."),
        (["--port", "--adapter", "a.B"], "--port needs a value: --port N."),
        (["--max-workers", "0"], "--max-workers is '0'; expected a whole number, 1 or more."),
        (
            ["--heartbeat-interval-ms", "soon"],
            "--heartbeat-interval-ms is 'soon'; expected a whole number.",
        ),
        (
            ["--gil-timeout-s", "-1"],
            "--gil-timeout-s is '-1'; expected a number of seconds, 0 or more.",
        ),
        (
            ["--gil-timeout-s", "long"],
            "--gil-timeout-s is 'long'; expected a number of seconds, 0 or more.",
        ),
        (
            ["--elixir-address", "localhost"],
            "--elixir-address is 'localhost'; expected HOST:PORT, e.g. 127.0.0.1:50051.",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named(args: list[str], problem: str) -> None:
    assert parse(args).problems == [problem]


def test_settings_of_a_bridge_are_flags() -> None:
    flags = parse(
        [
            *("--allow", "numpy", "--allow=pandas", "--max-queued", "5"),
            *("--allow-code-execution", "--no-allow-code-execution"),
        ]
    )

    assert flags.settings == {
        "allow": ("numpy", "pandas"),
        "max_queued": "5",
        "allow_code_execution": False,
    }


@pytest.mark.parametrize("name", sorted(FIXED_SETTINGS - {"port"}))
def test_what_snakepit_decides_is_no_flag(name: str) -> None:
    flag = all_settings()[name].flag

    assert parse([flag]).ignored == [flag]


def test_help_tells_of_every_flag() -> None:
    assert parse(["--help"]).help
    assert parse(["-h"]).help
    assert all(f"  {name} " in usage() for name in KNOWN)
