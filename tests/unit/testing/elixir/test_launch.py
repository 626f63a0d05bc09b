from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.testing.elixir.launch import (
    ElixirFolders,
    RunningIn,
    WorkerSpec,
    command_line,
    new_run_id,
    worker_environment,
    working_folder,
)
from snakepit_bridge.testing.elixir.vigil import HeartbeatRules


@pytest.fixture
def where(tmp_path: Path) -> RunningIn:
    folders = ElixirFolders(tmp_path)
    folders.make()
    return RunningIn(
        folders=folders,
        elixir_address="127.0.0.1:4000",
        run_id="k3x9a2p",
        worker_id="my.pool_worker_1_67",
        environment={"PATH": "/bin", "PYTHONPATH": "/site"},
    )


def test_a_run_id_has_seven_digits_of_base_36() -> None:
    assert re.fullmatch("[0-9a-z]{7}", new_run_id())


def test_the_arguments_of_the_adapter_come_first(where: RunningIn) -> None:
    spec = WorkerSpec(
        adapter="shop.Shop",
        adapter_args=["--mode", "threaded"],
        instance_name="n",
        instance_token="t",  # noqa: S106  (a mark on a command line)
    )

    line = command_line(spec, where)

    assert line[0] == sys.executable
    assert line[1].endswith("snakepit_bridge/worker/grpc_server.py")
    assert line[2:] == [
        *("--adapter", "shop.Shop", "--mode", "threaded", "--port", "0"),
        *("--elixir-address", "127.0.0.1:4000", "--snakepit-run-id", "k3x9a2p"),
        *("--snakepit-instance-name", "n", "--snakepit-instance-token", "t"),
    ]


def test_a_flag_that_is_there_is_not_repeated(where: RunningIn) -> None:
    line = command_line(WorkerSpec(adapter="a.B", adapter_args=["--port", "5"]), where)

    assert line[2:] == [
        *("--adapter", "a.B", "--port", "5"),
        *("--elixir-address", "127.0.0.1:4000", "--snakepit-run-id", "k3x9a2p"),
    ]


def test_the_thread_profile_names_its_threads(where: RunningIn) -> None:
    spec = WorkerSpec(profile="thread", max_workers=4, launcher="launcher")

    program, script, *arguments = command_line(spec, where)

    assert Path(program).stat().st_mode & 0o111
    assert script == str(where.folders.snakepit_python / "grpc_server_threaded.py")
    assert arguments[:4] == [
        *("--adapter", "snakepit_bridge.adapters.threaded_showcase.ThreadedShowcaseAdapter"),
        *("--max-workers", "4"),
    ]


def test_threads_are_for_the_thread_profile() -> None:
    assert WorkerSpec(profile="thread").threads == 10
    with pytest.raises(ValueError, match="max_workers"):
        WorkerSpec(max_workers=4)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"profile": "threads"}, "profile is 'threads'; it is one of 'process', 'thread'"),
        ({"launcher": "file"}, "launcher is 'file'; it is one of 'script'"),
    ],
)
def test_a_misspelt_way_of_starting_is_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WorkerSpec(**option)


def test_python_in_disguise_is_handed_snakepits_own_script(where: RunningIn) -> None:
    written = command_line(WorkerSpec(launcher="launcher"), where)
    installed = command_line(WorkerSpec(launcher="console"), where)

    for program, script, *_ in (written, installed):
        assert Path(program).name == "snakepit-bridge-python"
        assert script == str(where.folders.snakepit_python / "grpc_server.py")
    assert "snakepit_bridge_launcher" in Path(written[0]).read_text()
    assert "--adapter snakepit_bridge.adapters.showcase.ShowcaseAdapter" in " ".join(written)


def test_a_module_or_another_script_can_be_started(where: RunningIn) -> None:
    module = command_line(WorkerSpec(launcher="module"), where)
    script = command_line(WorkerSpec(script=Path("/mine/grpc_server.py")), where)

    assert module[1:3] == ["-m", "snakepit_bridge.worker"]
    assert script[1] == "/mine/grpc_server.py"


def test_a_worker_starts_in_the_folder_of_snakepits_script_or_of_the_beam(
    where: RunningIn,
) -> None:
    assert working_folder(WorkerSpec(), where) == where.folders.app
    assert working_folder(WorkerSpec(launcher="console"), where) == where.folders.snakepit_python
    assert working_folder(WorkerSpec(cwd=Path("/there")), where) == Path("/there")


def test_the_environment_is_the_beams_with_snakepits_variables(where: RunningIn) -> None:
    spec = WorkerSpec(heartbeat=HeartbeatRules(interval_s=0.5), log_level="debug")

    variables = worker_environment(spec, where, Path("/tmp/ready"))  # noqa: S108

    assert variables["PATH"] == "/bin"
    assert variables["SNAKEPIT_READY_FILE"] == "/tmp/ready"  # noqa: S108
    assert variables["SNAKEPIT_LOG_LEVEL"] == "debug"
    assert json.loads(variables["SNAKEPIT_HEARTBEAT_CONFIG"]) == {
        "enabled": True,
        "interval_ms": 500,
        "timeout_ms": 10000,
        "max_missed_heartbeats": 3,
        "initial_delay_ms": 0,
        "dependent": True,
    }
    assert variables["PYTHONPATH"].split(":") == [
        "/site",
        str(where.folders.snakepit_python),
        str(where.folders.adapters),
    ]
    assert variables["SNAKEPIT_PROCESS_GROUP"] == "1"
    assert variables["GRPC_POLL_STRATEGY"] == "poll"
    assert variables["OMP_NUM_THREADS"] == variables["VECLIB_MAXIMUM_THREADS"] == "1"


def test_the_threads_of_libraries_are_those_of_the_profile(where: RunningIn) -> None:
    spec = WorkerSpec(profile="thread", max_workers=3)

    variables = worker_environment(spec, where, Path("ready"))

    assert variables["OMP_NUM_THREADS"] == "3"
    assert "VECLIB_MAXIMUM_THREADS" not in variables


def test_users_override_variables_whatever_their_case_but_for_three(where: RunningIn) -> None:
    env = {"omp_num_threads": "8", "SNAKEPIT_LOG_LEVEL": "debug", "OWN": "1"}

    variables = worker_environment(WorkerSpec(env=env), where, Path("ready"))

    assert variables["omp_num_threads"] == "8"
    assert "OMP_NUM_THREADS" not in variables
    assert variables["SNAKEPIT_LOG_LEVEL"] == "error"
    assert variables["OWN"] == "1"


def test_the_rival_is_on_the_path_unless_there_is_none(where: RunningIn) -> None:
    bare = replace(where, environment={})

    variables = worker_environment(WorkerSpec(rival=False), bare, Path("ready"))

    assert variables["PYTHONPATH"] == str(where.folders.adapters)
    assert (where.folders.snakepit_python / "snakepit_bridge" / "__init__.py").exists()


def test_the_ready_file_is_named_after_the_worker(where: RunningIn) -> None:
    name = where.ready_file.name

    assert re.fullmatch(r"snakepit_ready_my_pool_worker_1_67_\d+", name)
