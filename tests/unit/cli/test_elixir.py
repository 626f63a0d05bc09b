from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import snakepit_bridge
from snakepit_bridge.cli import installation
from snakepit_bridge.cli.elixir_texts import MODULE, WAY_B
from tests.unit.cli.conftest import CommandLine

EXAMPLES = Path(snakepit_bridge.__file__).parent.parent / "examples" / "elixir"


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter whose folder has the launcher in it, and a name that Elixir must escape."""
    folder = tmp_path / 'a "b" #{c}'
    folder.mkdir()
    for name in ("python", installation.LAUNCHER):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder / "python"


def test_both_ways_are_printed_with_the_paths_of_this_installation(
    python: Path, command_line: CommandLine
) -> None:
    printed = command_line("elixir").out

    written = str(python.parent).replace('"', '\\"').replace("#{", "\\#{")
    assert f'python_executable: "{written}/snakepit-bridge-python"' in printed
    assert f"export SNAKEPIT_PYTHON={python.parent}/snakepit-bridge-python" in printed
    assert f'python: "{written}/python"' in printed
    assert f'worker: "{installation.worker_script()}"' in printed
    assert printed.endswith(MODULE)


def test_programs_get_the_same_as_json(python: Path, command_line: CommandLine) -> None:
    told = json.loads(command_line("elixir", "--json").out)

    assert told["launcher"] == str(python.with_name("snakepit-bridge-python"))
    assert told["python"] == str(python)
    assert Path(told["worker"]).is_file()
    assert "python_executable" in told["way_a"]
    assert "adapter_module: SnakepitBridge.Adapter" in told["way_b"]
    assert told["module"] == MODULE


def test_way_b_is_there_without_the_launcher(python: Path, command_line: CommandLine) -> None:
    python.with_name(installation.LAUNCHER).unlink()

    printed = command_line("elixir").out
    told = json.loads(command_line("elixir", "--json").out)

    assert "snakepit-bridge-python is not beside" in printed
    assert "python_executable" not in printed
    assert MODULE in printed
    assert told["launcher"] == told["way_a"] == ""


def test_the_examples_are_what_is_printed() -> None:
    config = (EXAMPLES / "config.exs").read_text()
    readme = (EXAMPLES / "README.md").read_text()
    paths = re.findall(r"^  (python|worker): (\".*\")", config, re.MULTILINE)

    assert (EXAMPLES / "snakepit_bridge_adapter.ex").read_text() == MODULE
    printed = WAY_B.format(**dict(paths)).partition("\n")[2]
    assert config.endswith(printed)
    assert "snakepit-bridge elixir" in readme
