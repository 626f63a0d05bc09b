"""Every way to start a worker ends in the one form that Snakepit recognises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.worker_process import (
    ENVIRONMENT,
    PACKAGE,
    RUN_ID,
    SCRIPT,
    Workers,
    workers,
)

__all__ = ["workers"]

LAUNCHER = """#!{python}
import sys
sys.path.insert(0, {folder!r})
from snakepit_bridge_launcher import main
sys.exit(main())
"""

RIVAL = "raise ImportError('the rival ' + __name__ + ' was imported')\n"


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """``snakepit-bridge-python``, as an installer writes it."""
    path = tmp_path / "snakepit-bridge-python"
    path.write_text(LAUNCHER.format(python=sys.executable, folder=str(PACKAGE.parent)))
    path.chmod(0o755)
    return path


@pytest.fixture
def snakepit(tmp_path: Path) -> Path:
    """Snakepit's ``priv/python``: a rival package, rival stubs, and an adapter of the user."""
    folder = tmp_path / "deps" / "snakepit" / "priv" / "python"
    (folder / "snakepit_bridge").mkdir(parents=True)
    for name in ("snakepit_bridge/__init__", "snakepit_bridge_pb2", "snakepit_bridge_pb2_grpc"):
        (folder / f"{name}.py").write_text(RIVAL)
    (folder / "beside.py").write_text("from tools import Tools\n")
    return folder


def command_of(form: str, launcher: Path, snakepit: Path) -> Sequence[str | Path]:
    """How a worker is started in one of its forms."""
    return {
        "script": (sys.executable, SCRIPT),
        "threaded script": (sys.executable, SCRIPT.with_name("grpc_server_threaded.py")),
        "module": (sys.executable, "-X", "dev", "-m", "snakepit_bridge.worker"),
        "command": (sys.executable, "-m", "snakepit_bridge", "worker"),
        "launcher": (launcher, snakepit / "grpc_server.py"),
        "threaded launcher": (launcher, snakepit / "grpc_server_threaded.py"),
    }[form]


@pytest.mark.parametrize(
    "form", ["script", "threaded script", "module", "command", "launcher", "threaded launcher"]
)
def test_snakepit_recognises_the_process_it_started(
    form: str, workers: Workers, launcher: Path, snakepit: Path
) -> None:
    with workers.started(
        command=command_of(form, launcher, snakepit), cwd=PACKAGE.parent
    ) as worker:
        pid = worker.call("pid")
        words = worker.command_line()

        assert pid == worker.process.pid
        assert worker.short_name().startswith("python")
        assert Path(words[0]).name.startswith("python")
        assert str(SCRIPT) in words
        assert f"--snakepit-run-id {RUN_ID}" in " ".join(words)
        if "launcher" in form:
            assert words[words.index("--snakepit-script") + 1].startswith(str(snakepit))


def test_options_of_the_interpreter_are_kept(workers: Workers) -> None:
    command = (sys.executable, "-X", "dev", "-m", "snakepit_bridge.worker")
    with workers.started(command=command, cwd=PACKAGE.parent) as worker:
        worker.port()

        assert worker.command_line()[1:3] == ["-X", "dev"]


def test_a_run_id_behind_an_equals_sign_is_shown_as_snakepit_looks_for_it(workers: Workers) -> None:
    with workers.started("--snakepit-run-id=abc1234") as worker:
        pid = worker.call("pid")

        assert "--snakepit-run-id abc1234" in " ".join(worker.command_line())
        assert pid == worker.process.pid


@pytest.mark.parametrize("form", ["script", "threaded script", "launcher", "threaded launcher"])
@pytest.mark.defect("D35")
def test_our_package_wins_over_a_rival_beside_which_adapters_are_found(
    form: str, workers: Workers, launcher: Path, snakepit: Path
) -> None:
    path = os.pathsep.join([str(snakepit), str(workers.folder)])
    with workers.started(
        command=command_of(form, launcher, snakepit),
        adapter="beside.Tools",
        env={"PYTHONPATH": path},
        cwd=snakepit,
    ) as worker:
        imported = worker.call("imported")

        assert imported["same"]
        assert imported["stub"]
        assert imported["origin"] == [str(PACKAGE / "__init__.py"), imported["spec"]]
        # Neither the current folder, nor one in which our own modules would be top-level ones.
        assert {"", str(PACKAGE), str(SCRIPT.parent)}.isdisjoint(imported["path"])


def test_children_that_are_spawned_get_our_package_as_well(
    workers: Workers, snakepit: Path
) -> None:
    path = os.pathsep.join([str(snakepit), str(workers.folder)])
    with workers.started(adapter="beside.Tools", env={"PYTHONPATH": path}) as worker:
        origin = worker.call("imported_by_child")

    assert origin == [
        str(PACKAGE / "__init__.py"),
        "snakepit_bridge.grpc._generated.snakepit_bridge_pb2",
    ]


def test_adapters_beside_the_script_are_found_without_any_path(
    workers: Workers, launcher: Path, snakepit: Path
) -> None:
    (snakepit / "tools.py").write_text((workers.folder / "tools.py").read_text())
    with workers.started(
        command=(launcher, snakepit / "grpc_server.py"), env={"PYTHONPATH": ""}, cwd=snakepit
    ) as worker:
        assert worker.call("pid") == worker.process.pid
        worker.process.terminate()
        assert worker.ended() == 0


@pytest.mark.parametrize(
    ("args", "printed"),
    [
        (
            ["-c", "import sys; print(sys.executable, sys.argv)", "x"],
            [sys.executable, "['-c', 'x']"],
        ),
        (["-c", "import grpc; print(grpc.__name__)"], ["grpc"]),
        (["-V"], ["Python"]),
        (["my_grpc_server.py", "--port", "0"], ["mine", "--port"]),
    ],
)
def test_the_launcher_is_the_plain_interpreter_for_everything_else(
    args: list[str], printed: list[str], launcher: Path, tmp_path: Path
) -> None:
    (tmp_path / "my_grpc_server.py").write_text("import sys; print('mine', sys.argv)")

    done = subprocess.run(
        [launcher, *args], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )

    assert all(each in done.stdout for each in printed)


@pytest.mark.defect("D46")
def test_the_console_scripts_lead_to_modules_that_are_there() -> None:
    program = "import snakepit_bridge_launcher as it; it.main; assert it.WORKER.endswith('.py')"

    subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, check=True)
