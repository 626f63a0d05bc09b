from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from snakepit_bridge.worker.adapter_class import AdapterError, load_adapter

Write = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module that can be imported, and returns its name."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"adapter_of_{tmp_path.name}".replace("-", "_")

    def write(text: str) -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def failure_of(path: str, *, threaded: bool = False) -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        load_adapter(path, threaded=threaded)
    return caught.value


def test_the_class_is_imported(module: Write) -> None:
    name = module("class Mine:\n    def execute_tool(self, *of_call): ...")

    assert load_adapter(f"{name}.Mine").__name__ == "Mine"


@pytest.mark.parametrize(
    ("path", "example"),
    [
        ("./tea_shop.TeaShop", "tea_shop.TeaShop"),
        ("my_app/adapters.TeaShop", "my_app.adapters.TeaShop"),
        ("tea_shop:TeaShop", "tea_shop.TeaShop"),
        ("..tea_shop.TeaShop", "tea_shop.TeaShop"),
        ("my_app/adapters.py", "my_app.adapters.MyAdapter"),
    ],
)
def test_a_path_of_a_file_is_answered_with_what_was_probably_meant(path: str, example: str) -> None:
    assert str(failure_of(path)) == f"{path!r} is no adapter: write MODULE.CLASS, e.g. {example}."


def test_a_class_without_tools_is_refused_with_what_to_do(module: Write) -> None:
    name = module("class Idle: pass")

    error = failure_of(f"{name}.Idle")

    assert f"The adapter '{name}.Idle' cannot be used: Idle has no tools" in str(error)
    assert "@tool()" in str(error)


def test_what_its_message_says_in_full_has_no_cause_to_be_shown(module: Write) -> None:
    name = module("class Adapter: pass")

    for path in (f"{name}.Adaptor", f"{name}.Adapter", "nowhere_at_all.Adapter"):
        assert failure_of(path).__cause__ is None


@pytest.mark.parametrize("path", ["Mine", ".Mine", "mine.", ""])
def test_a_path_without_module_or_class_is_answered_with_an_example(path: str) -> None:
    assert "write MODULE.CLASS" in str(failure_of(path))


@pytest.mark.parametrize("name", ["nowhere_at_all", "json.nowhere"])
def test_a_module_that_is_not_there_is_named_with_where_to_put_it(name: str) -> None:
    error = failure_of(f"{name}.Mine")

    assert f"there is no module '{name}'" in str(error)
    assert "PYTHONPATH" in str(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("from json import nothing", "ImportError: cannot import name 'nothing'"),
        ("raise ValueError('no licence')", "ValueError: no licence"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class", "SyntaxError: invalid syntax"),
    ],
)
def test_what_a_module_raises_is_told_together_with_its_cause(
    text: str, told: str, module: Write
) -> None:
    error = failure_of(f"{module(text)}.Mine")

    assert told in str(error)
    assert error.__cause__ is not None


def test_a_class_that_is_not_there_is_answered_with_the_nearest(module: Write) -> None:
    name = module("class Adapter: pass")

    assert f"The module '{name}' has no class 'Adaptor'. Did you mean 'Adapter'?" in str(
        failure_of(f"{name}.Adaptor")
    )
    assert str(failure_of(f"{name}.Q")).endswith("has no class 'Q'.")


def test_what_is_no_class_is_refused(module: Write) -> None:
    name = module("adapter = 1")

    assert str(failure_of(f"{name}.adapter")) == f"{name}.adapter is no class, but of type 'int'."


def test_the_thread_profile_wants_a_class_that_calls_itself_safe(module: Write) -> None:
    name = module(
        """
        class Unsafe:
            def execute_tool(self, *of_call): ...
        class Safe(Unsafe): __thread_safe__ = True
        class Doubtful(Unsafe): __thread_safe__ = False
        """
    )

    assert load_adapter(f"{name}.Safe", threaded=True).__name__ == "Safe"
    for each in ("Unsafe", "Doubtful"):
        assert "set __thread_safe__ = True" in str(failure_of(f"{name}.{each}", threaded=True))
