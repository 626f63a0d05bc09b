from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from snakepit_bridge.worker.environment import (
    SHOWCASE,
    UsageError,
    WorkerSettings,
    worker_id,
    worker_settings,
)
from snakepit_bridge.worker.flags import parse

NEEDED = ("--adapter", "a.B", "--elixir-address", "127.0.0.1:1")


def settings_of(
    *args: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> WorkerSettings:
    return worker_settings(parse([*NEEDED, *args]), environ or {}, cwd=cwd)


def problems_of(*args: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        worker_settings(parse(args), environ or {})
    return "\n".join(caught.value.problems)


# --- what is needed ----------------------------------------------------------------------------


def test_everything_that_is_missing_or_wrong_is_named_at_once() -> None:
    problems = problems_of(
        "--port",
        "x",
        environ={"SNAKEPIT_BRIDGE_GIL_TIMEOUT_S": "?", "SNAKEPIT_BRIDGE_MAX_QUEUED": "many"},
    )

    assert "--port is 'x'" in problems
    assert "SNAKEPIT_BRIDGE_GIL_TIMEOUT_S is '?'" in problems
    assert "SNAKEPIT_BRIDGE_MAX_QUEUED is 'many'" in problems
    assert "--adapter MODULE.CLASS is missing" in problems
    assert "--elixir-address HOST:PORT is missing, and SNAKEPIT_GRPC_ADDRESS is not set" in problems


def test_what_was_given_but_cannot_be_read_is_not_called_missing() -> None:
    problems = problems_of("--elixir-address", "nowhere", "--adapter")

    assert problems.splitlines() == [
        "--elixir-address is 'nowhere'; expected HOST:PORT, e.g. 127.0.0.1:50051.",
        "--adapter needs a value: --adapter MODULE.CLASS.",
    ]


def test_a_misspelt_flag_is_told_beside_what_is_missing() -> None:
    problems = problems_of("--adapter", "a.B", "--elixir-adress", "127.0.0.1:1")

    assert "--elixir-address HOST:PORT is missing" in problems
    assert "Unknown flag, ignored: --elixir-adress (did you mean --elixir-address?)." in problems


def test_the_address_comes_from_the_environment_where_no_flag_says_it() -> None:
    environ = {"SNAKEPIT_GRPC_ADDRESS": "a:1", "SNAKEPIT_ELIXIR_ADDRESS": "b:2"}
    flags = parse(["--adapter", "a.B"])

    assert worker_settings(flags, environ).elixir_address == "a:1"
    environ["SNAKEPIT_GRPC_ADDRESS"] = ""
    assert worker_settings(flags, environ).elixir_address == "b:2"
    assert settings_of(environ=environ).elixir_address == "127.0.0.1:1"


def test_an_address_of_the_environment_is_looked_at_as_well() -> None:
    problems = problems_of("--adapter", "a.B", environ={"SNAKEPIT_GRPC_ADDRESS": "nowhere"})

    assert (
        problems == "SNAKEPIT_GRPC_ADDRESS is 'nowhere'; expected HOST:PORT, e.g. 127.0.0.1:50051."
    )


def test_a_health_check_needs_nothing_and_knows_an_adapter() -> None:
    worker = worker_settings(parse(["--health-check"]), {})

    assert worker.health_check
    assert worker.adapter == SHOWCASE


# --- the profile -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "threaded", "threads"),
    [
        (["--max-workers", "4"], True, 4),
        (["--thread-safety-check"], True, 10),
        (["--snakepit-script", "/deps/snakepit/priv/python/grpc_server_threaded.py"], True, 10),
        (["--snakepit-script", "/x/grpc_server.py"], False, min(16, (os.cpu_count() or 1) + 4)),
        ([], False, min(16, (os.cpu_count() or 1) + 4)),
        (["--max-threads", "3"], False, 3),
        (["--max-threads", "3", "--max-workers", "4"], True, 3),
    ],
)
def test_the_profile_and_its_threads_follow_from_the_flags(
    args: list[str], *, threaded: bool, threads: int
) -> None:
    worker = settings_of(*args)

    assert worker.threaded == threaded
    assert worker.bridge.max_threads == threads


# --- heartbeats --------------------------------------------------------------------------------


def test_the_environment_overrides_the_heartbeats_of_the_command_line() -> None:
    worker = settings_of(
        "--heartbeat-interval-ms",
        "50",
        environ={"SNAKEPIT_HEARTBEAT_CONFIG": '{"interval_ms": 2000, "dependent": true}'},
    )

    assert worker.heartbeat == {"interval_ms": 50}
    assert worker.heartbeat_overrides == {"interval_ms": 2000, "dependent": True}
    assert worker.warnings == ()


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "1"])
def test_heartbeats_that_cannot_be_read_are_a_warning(text: str) -> None:
    worker = settings_of(environ={"SNAKEPIT_HEARTBEAT_CONFIG": text})

    assert worker.heartbeat_overrides == {}
    (warning,) = worker.warnings
    assert warning.startswith("SNAKEPIT_HEARTBEAT_CONFIG is no JSON")


# --- the rest of the environment ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "leads"), [("1", True), (" True ", True), ("on", True), ("0", False), ("", False)]
)
def test_a_process_group_is_led_where_the_environment_says_so(text: str, *, leads: bool) -> None:
    assert settings_of(environ={"SNAKEPIT_PROCESS_GROUP": text}).leads_process_group == leads


def test_names_of_thread_sensitive_code_are_separated_by_commas() -> None:
    worker = settings_of(environ={"SNAKEPIT_THREAD_SENSITIVE": " faiss, math_verify.verify ,,"})

    assert worker.thread_sensitive == ("faiss", "math_verify.verify")


def test_the_limit_for_native_code_is_a_flag_before_it_is_a_variable() -> None:
    environ = {"SNAKEPIT_BRIDGE_GIL_TIMEOUT_S": "3"}

    assert settings_of().gil_timeout_s == 8.0
    assert settings_of(environ=environ).gil_timeout_s == 3.0
    assert settings_of("--gil-timeout-s", "0", environ=environ).gil_timeout_s == 0.0
    assert settings_of(environ=environ).warnings == ()


def test_settings_come_from_flags_and_the_environment() -> None:
    worker = settings_of(
        "--max-queued",
        "5",
        environ={"SNAKEPIT_BRIDGE_MAX_SESSIONS": "7", "SNAKEPIT_BRIDGE_MAX_SESSION": "8"},
    )

    assert (worker.bridge.max_queued, worker.bridge.max_sessions) == (5, 7)
    (warning,) = worker.warnings
    assert "SNAKEPIT_BRIDGE_MAX_SESSION means nothing here" in warning


def test_unknown_flags_are_warnings() -> None:
    assert settings_of("--colour").warnings == ("Unknown flag, ignored: --colour",)


# --- the name ----------------------------------------------------------------------------------


@pytest.mark.defect("D17")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("snakepit_ready_default_worker_1_370_3", "default_worker_1_370"),
        ("snakepit_ready_default_worker_1_4_-17", "default_worker_1_4"),
        ("snakepit_ready_default_worker_1_x", ""),
        ("snakepit_ready_7", ""),
        ("ready", ""),
    ],
)
def test_the_ready_file_tells_the_name_that_elixir_gave(name: str, expected: str) -> None:
    assert worker_id(Path("/tmp") / name) == expected  # noqa: S108  (nothing is written)


@pytest.mark.defect("D17")
def test_the_name_of_the_worker_is_known_to_the_bridge() -> None:
    environ = {"SNAKEPIT_READY_FILE": "/nowhere/snakepit_ready_pool_worker_2_5_9"}

    assert settings_of(environ=environ).bridge.worker_id == "pool_worker_2_5"
    assert settings_of("--worker-id", "mine", environ=environ).bridge.worker_id == "mine"
    assert settings_of().bridge.worker_id == f"python-{os.getpid()}"
    assert worker_id(None) == ""
