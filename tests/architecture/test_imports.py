"""Imports point down, and importing the core brings in no foreign machinery."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, ROOT, import_name_of, modules

WIRE = ["grpc", "google.protobuf"]

# Everything that runs without the wire, save what speaks it by its nature.
WIRE_FREE = ["testing", "transport", "handlers", "session", "engine", "telemetry"]
SPEAKS_THE_WIRE = {
    "snakepit_bridge.testing.elixir",  # the double of Snakepit's host
    "snakepit_bridge.telemetry.stream",  # events are messages by Snakepit's contract
    "snakepit_bridge.telemetry.export",  # OpenTelemetry's exporter brings grpc with it
}

STARTED_BY_NO_COMMAND = [
    *("dspy", "litellm", "opentelemetry.sdk"),
    *("ml_dtypes", "numpy", "pandas", "polars", "pyarrow"),
]


def _loaded(imports: list[str], suspects: list[str]) -> list[str]:
    """Which of ``suspects`` a fresh interpreter has loaded after ``imports``."""
    program = (
        "import importlib, json, sys\n"
        f"for name in {imports!r}: importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {suspects!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def _wire_free(layer: str) -> list[str]:
    names = [
        import_name_of(path)
        for path in modules()
        if PACKAGE / layer in path.parents or path == (PACKAGE / layer).with_suffix(".py")
    ]
    return [name for name in names if not _speaks_the_wire(name)]


def _speaks_the_wire(name: str) -> bool:
    return any(name == door or name.startswith(f"{door}.") for door in SPEAKS_THE_WIRE)


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert _loaded(["snakepit_bridge"], [*WIRE, *STARTED_BY_NO_COMMAND, "click", "msgspec"]) == []


@pytest.mark.parametrize("layer", WIRE_FREE)
def test_a_layer_below_the_wire_is_imported_without_it(layer: str) -> None:
    names = _wire_free(layer)
    assert names, f"there is no layer {layer!r}"

    assert _loaded(names, WIRE) == []


def test_the_bridge_without_a_wire_is_imported_without_it() -> None:
    assert _loaded(["snakepit_bridge.testing.in_process"], WIRE) == []


def test_the_command_line_starts_without_optional_libraries() -> None:
    assert _loaded(["snakepit_bridge.cli"], STARTED_BY_NO_COMMAND) == []


def test_a_server_starts_without_the_encodings_that_it_may_never_need() -> None:
    lossless = ["values.message_pack.message_pack", "values.tagged.tagged"]
    late = [*(f"snakepit_bridge.{each}" for each in lossless), "zoneinfo"]

    assert _loaded(["snakepit_bridge.bootstrap", "snakepit_bridge.grpc.server"], late) == []


def test_imports_keep_their_contracts() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(
        [lint_imports, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
