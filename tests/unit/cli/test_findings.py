from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from snakepit_bridge.cli import findings
from snakepit_bridge.handlers.discovery import GROUP
from snakepit_bridge.settings import Settings

EXPORTER = "opentelemetry.exporter.otlp.proto.grpc"

Distribution = Callable[..., None]


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Distribution:
    """Installs a distribution that consists of its metadata."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, version: str, *, requires: str = "", entry_points: str = "") -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        needed = "".join(f"Requires-Dist: {each}\n" for each in requires.split("|") if each)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(head + needed)
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{entry_points}")

    return install


# --- interpreter and package -------------------------------------------------------------------


def test_the_interpreter_is_told_with_the_reason_for_it() -> None:
    activated = findings.interpreter({"VIRTUAL_ENV": sys.prefix})
    by_path = findings.interpreter({})

    assert activated.verdict == by_path.verdict == "ok"
    assert sys.executable in activated.text
    if sys.prefix != sys.base_prefix:
        assert "in the activated virtual environment" in activated.text
        assert "chosen by the path of the program" in by_path.text


def test_an_interpreter_outside_of_any_environment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)

    assert "outside of any virtual environment" in findings.interpreter({}).text


def test_another_environment_that_is_activated_is_noted(tmp_path: Path) -> None:
    finding = findings.interpreter({"VIRTUAL_ENV": str(tmp_path)})

    assert finding.verdict == "note"
    assert f"but VIRTUAL_ENV is {tmp_path}" in finding.text
    assert f"{tmp_path}/bin/python -m snakepit_bridge" in finding.next_step


def test_the_package_says_where_it_is() -> None:
    finding = findings.package({"PATH": ""})

    assert finding.verdict == "ok"
    assert str(Path(findings.__file__).parents[1]) in finding.text


def test_a_program_of_another_python_on_the_path_is_noted(tmp_path: Path) -> None:
    program = tmp_path / "snakepit-bridge"
    program.touch(0o755)

    finding = findings.package({"PATH": str(tmp_path)})

    assert finding.verdict == "note"
    assert str(program) in finding.text
    assert finding.next_step == f"Start this one with {sys.executable} -m snakepit_bridge."


# --- dependencies ------------------------------------------------------------------------------


def test_dependencies_are_told_with_their_versions(distribution: Distribution) -> None:
    distribution("of-tests-new", "2.10.1")
    distribution("of-tests-old", "1.75.9")
    distribution(
        "snakepit-bridge",
        "0.0",
        requires="of-tests-new>=2.9|of-tests-old>=1.76.0|of-tests-gone>=1|no-floor"
        "|of-an-extra>=1 ; extra == 'docs'",
    )

    new, old, gone = findings.dependencies()

    assert (new.verdict, new.text) == ("ok", "of-tests-new 2.10.1")
    assert (old.verdict, old.text) == ("broken", "of-tests-old 1.75.9 is older than 1.76.0")
    assert (gone.verdict, gone.text) == ("broken", "of-tests-gone is not installed")
    assert old.next_step == f"{sys.executable} -m pip install 'of-tests-old>=1.76.0'"


def test_a_package_that_is_not_installed_has_no_known_dependencies() -> None:
    (finding,) = findings.dependencies("no-such-distribution")

    assert finding.verdict == "note"
    assert "pip install -e ." in finding.next_step


# --- extras ------------------------------------------------------------------------------------


def fake_dspy(version: str) -> types.ModuleType:
    module = types.ModuleType("dspy")
    module.__spec__ = importlib.machinery.ModuleSpec("dspy", None)
    vars(module).update(__version__=version, cache=None)
    return module


@pytest.mark.parametrize(
    ("version", "verdict", "text"),
    [
        ("3.4.1", "ok", "dspy 3.4.1"),
        ("3.3.0", "broken", "DSPy 3.3.0 is installed, which the bridge does not work with"),
        (None, "note", "DSPy is not installed; the dspy.* commands need it"),
    ],
)
def test_dspy_is_looked_at(
    version: str | None, verdict: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dspy", None if version is None else fake_dspy(version))

    finding = findings.dspy()

    assert (finding.verdict, finding.text) == (verdict, text)
    assert bool(finding.next_step) == (verdict != "ok")


@pytest.mark.parametrize(
    ("destination", "verdict"), [("off", "note"), ("console", "broken"), ("otlp", "broken")]
)
def test_a_missing_exporter_matters_where_it_is_wanted(
    destination: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.setitem(sys.modules, EXPORTER, None)

    finding = findings.telemetry(Settings.load({"telemetry": destination}, environ={}))

    assert finding.verdict == verdict
    assert "pip install 'snakepit-bridge[telemetry]'" in finding.next_step


def test_the_console_needs_no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, EXPORTER, None)

    assert findings.telemetry(Settings(telemetry="console")).verdict == "note"


def test_telemetry_that_is_there_is_fine() -> None:
    finding = findings.telemetry(Settings())

    assert (finding.verdict, finding.text) == ("ok", "set to 'off'")


# --- handlers ----------------------------------------------------------------------------------


def test_installed_handlers_are_tried_and_so_are_those_of_the_settings(
    distribution: Distribution, tmp_path: Path
) -> None:
    (tmp_path / "handlers_of_findings.py").write_text(
        "from snakepit_bridge import handles\n@handles('a.b')\ndef good(session): ...\n"
    )
    distribution(
        "of-tests", "1", entry_points="good = handlers_of_findings:good [x]\nbad = no_such:Thing\n"
    )
    settings = Settings.load({"handlers": ("handlers_of_findings:gone",)}, environ={})

    found = {each.text.partition(" ")[0]: each for each in findings.handlers(settings)}

    assert found["handlers_of_findings:good"].verdict == "ok"
    assert "'good' of of-tests" in found["handlers_of_findings:good"].text
    assert found["no_such:Thing"].verdict == "broken"
    assert "There is no module 'no_such'" in found["no_such:Thing"].text
    assert found["handlers_of_findings:gone"].verdict == "broken"
    assert "(of --handlers)" in found["handlers_of_findings:gone"].text


# --- worker ------------------------------------------------------------------------------------


def test_elixir_can_start_the_worker_where_the_launcher_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    absent = findings.worker()
    (tmp_path / "snakepit-bridge-python").touch(mode=0o755)
    found = findings.worker()

    assert absent.verdict == "note"
    assert "pip install snakepit-bridge" in absent.next_step
    assert found.verdict == "ok"
    assert str(tmp_path / "snakepit-bridge-python") in found.text


# --- the folder for binary data ------------------------------------------------------------------


def test_a_folder_for_binary_data_is_tried_if_one_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    (fine,) = findings.blob_dir(Settings(blob_dir=tmp_path / "new"))
    (broken,) = findings.blob_dir(Settings(blob_dir=tmp_path / "file"))

    assert list(findings.blob_dir(Settings())) == []
    assert fine.verdict == "ok"
    assert broken.verdict == "broken"
    assert "(--blob-dir) cannot be used" in broken.text
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
