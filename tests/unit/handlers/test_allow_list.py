from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.allow_list import AllowList
from tests.unit.handlers.dspy import programs

PROGRAMS = "tests.unit.handlers.dspy.programs"


def both() -> AllowList:
    return AllowList(["dspy", PROGRAMS])


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("dspy.ChainOfThought", dspy.ChainOfThought),
        ("dspy.predict.predict.Predict", dspy.Predict),
        ("dspy.Example", dspy.Example),
        ("dspy.LabeledFewShot", dspy.LabeledFewShot),
        ("dspy.adapters.types.image.Image", dspy.Image),
        ("dspy.ensure_signature", dspy.ensure_signature),
        (f"{PROGRAMS}.Guide", programs.Guide),
        (f"{PROGRAMS}.Nested.Deep", programs.Nested.Deep),
        (f"{PROGRAMS}.helper", programs.helper),
    ],
)
def test_what_is_defined_in_an_allowed_package_is_found(path: str, found: object) -> None:
    assert both().find(path) is found


@pytest.mark.parametrize(
    "path",
    [
        # leads out of the package
        "os.system",
        "builtins.eval",
        "dspyish.Thing",
        "dspy.clients.os.system",
        "dspy.predict.predict.copy.deepcopy",
        "dspy.predict.predict.logging",
        "dspy.predict.predict.BaseModel",
        "dspy.predict.predict.Any",
        # lies in it, but is not meant by it
        "dspy.LM",
        "dspy.BaseLM",
        "dspy.Embedder",
        "dspy.clients.openai.OpenAIProvider",
        "dspy.Provider",
        "dspy.clients.cache.Cache",
        "dspy.clients.lm_local.LocalProvider",
        "dspy.lm15.OpenAILM",
        "dspy.lm15.RouterConfig",
        "dspy.utils.DummyLM",
        "dspy.utils.download",
        "dspy.ColBERTv2",
        "dspy.Embeddings",
        "dspy.Retrieve",
        "dspy.datasets.DataLoader",
        "dspy.GEPA",
        "dspy.Evaluate",
        "dspy.Parallel",
        "dspy.Ensemble",
        "dspy.BootstrapFinetune",
        "dspy.BetterTogether",
        # functions and objects with power over the process
        "dspy.load",
        "dspy.load_settings",
        "dspy.configure",
        "dspy.context",
        "dspy.settings",
        "dspy.settings.save",
        "dspy.configure_cache",
        "dspy.inspect_history",
        "dspy.streamify",
        "dspy.asyncify",
        "dspy.primitives.module.set_attribute_by_name",
        # methods are reached through instances
        "dspy.Module.save",
        "dspy.Image.from_path",
        "dspy.Predict.__init__",
        # private things
        "dspy._vendor.lm15.OpenAILM",
        "dspy.predict.predict.__builtins__.eval",
        "dspy.__loader__",
        "_dspy",
        "",
        "dspy.",
        ".dspy",
        "dspy..Predict",
        "dspy.Predict()",
        "dspy.Predict;import os",
        # of operators' packages
        f"{PROGRAMS}.subprocess.run",
        f"{PROGRAMS}.Guide.run",
        f"{PROGRAMS}.Guide.mood",
        f"{PROGRAMS}.Guide.shape",
        f"{PROGRAMS}.not_a_class",
        f"{PROGRAMS}.not_a_class.name",
        f"{PROGRAMS}.Any",
        "tests.unit.handlers.dspy.workshop.CANARY",
        "tests.unit.handlers.test_allow_list.both",
    ],
)
def test_every_way_out_is_closed(path: str) -> None:
    with pytest.raises(NotAllowedError):
        both().find(path)


def test_asking_for_the_cache_does_not_make_one() -> None:
    """DSPy opens its disk cache when somebody looks at ``dspy.cache``."""
    before = vars(dspy).get("cache")

    with pytest.raises((NotAllowedError, InvalidArgumentError)):
        AllowList().find("dspy.cache")

    assert vars(dspy).get("cache") is before


@pytest.mark.parametrize("name", ["RLM", "Flex", "PythonInterpreter", "LocalInterpreter"])
def test_what_runs_code_needs_its_own_setting(name: str) -> None:
    with pytest.raises(NotAllowedError, match="runs code") as caught:
        AllowList().find(f"dspy.{name}")
    assert "--allow-code-execution" in caught.value.hint

    assert AllowList(code_execution=True).find(f"dspy.{name}") is getattr(dspy, name)


def test_subclasses_of_what_runs_code_run_code() -> None:
    with pytest.raises(NotAllowedError, match="runs code"):
        both().find(f"{PROGRAMS}.Interpreter")

    allowed = AllowList(["dspy", PROGRAMS], code_execution=True)
    assert allowed.find(f"{PROGRAMS}.Interpreter") is programs.Interpreter


@pytest.mark.parametrize("name", ["CodeAct", "ProgramOfThought"])
@pytest.mark.parametrize("code_execution", [False, True])
def test_what_goes_away_is_refused_in_any_case(name: str, *, code_execution: bool) -> None:
    with pytest.raises(NotAllowedError, match="deprecated") as caught:
        AllowList(code_execution=code_execution).find(f"dspy.{name}")

    assert "dspy.RLM" in caught.value.hint


def test_a_refusal_names_the_setting() -> None:
    with pytest.raises(NotAllowedError) as caught:
        AllowList().find("numpy.array")
    assert "--allow numpy." in caught.value.hint

    with pytest.raises(NotAllowedError) as caught:
        AllowList().find("dspy.ColBERTv2")
    assert "--allow dspy.dsp.colbertv2" in caught.value.hint


def test_no_setting_is_named_for_what_is_private() -> None:
    with pytest.raises(NotAllowedError) as caught:
        AllowList(["dspy"]).check(dspy.lm15.Request)

    assert "--allow" not in caught.value.hint


def test_a_language_model_is_answered_with_the_command_that_sets_one() -> None:
    with pytest.raises(NotAllowedError) as caught:
        AllowList().find("dspy.LM")

    assert "'dspy.configure'" in caught.value.hint


def test_a_part_named_by_the_operator_is_open() -> None:
    allow = AllowList(["dspy", "dspy.retrievers"])

    assert allow.find("dspy.Embeddings") is dspy.Embeddings
    assert allow.covers("dspy.retrievers.embeddings")
    assert not AllowList().covers("dspy.retrievers.embeddings")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("dspy.ChainOfThougt", "Did you mean 'dspy.ChainOfThought'?"),
        ("dspy.predict.Predct", "Did you mean 'dspy.predict.Predict'?"),
        ("dspy.nope", ""),
        ("dspy.ensure_signature.anything", ""),
        (f"{PROGRAMS}.Nested.Depp", f"Did you mean '{PROGRAMS}.Nested.Deep'?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(path: str, hint: str) -> None:
    with pytest.raises(InvalidArgumentError, match=path) as caught:
        both().find(path)

    assert caught.value.hint == hint


def test_a_module_is_not_a_class() -> None:
    with pytest.raises(InvalidArgumentError, match="is a module"):
        AllowList().find("dspy.predict")


def test_a_package_that_is_not_installed_says_so() -> None:
    with pytest.raises(InvalidArgumentError, match="no_such_package") as caught:
        AllowList(["no_such_package"]).find("no_such_package.Thing")

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_modules_are_imported_on_the_way_to_their_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = tmp_path / "corner_shop"
    shop.mkdir()
    (shop / "__init__.py").write_text("")
    (shop / "shelf.py").write_text("class Book: pass")
    (shop / "till.py").write_text("raise AssertionError('nobody may open this')")
    monkeypatch.syspath_prepend(tmp_path)
    imported: list[str] = []

    def importer(name: str) -> ModuleType:
        imported.append(name)
        return importlib.import_module(name)

    allow = AllowList(["corner_shop.shelf"], importer=importer)

    assert allow.find("corner_shop.shelf.Book").__name__ == "Book"
    assert imported == ["corner_shop", "corner_shop.shelf"]
    with pytest.raises(NotAllowedError, match=r"corner_shop\.till"):
        allow.find("corner_shop.till.Money")


def test_a_module_that_makes_its_names_when_asked_is_asked_for_those_it_lists() -> None:
    module: Any = ModuleType("lazy")

    class Made:
        pass

    Made.__module__ = "lazy"
    asked: list[str] = []

    def make(name: str) -> type:
        asked.append(name)
        return Made

    module.__getattr__ = make
    module.__dir__ = lambda: ["Made"]
    allow = AllowList(["lazy"], importer=lambda _: module)

    assert allow.find("lazy.Made") is Made
    with pytest.raises(InvalidArgumentError):
        allow.find("lazy.unlisted")
    assert asked == ["Made"]


# --- methods ------------------------------------------------------------------------------------


def test_public_methods_and_operators_are_found_bound() -> None:
    allow = both()
    guide = programs.Guide("Hi")

    assert allow.method(guide, "__call__")(name="Ada").text == "Hi, Ada!"
    assert allow.method(guide, "__len__")() == 7
    assert allow.method(guide, "shape")() == (2, 3)
    assert allow.method(dspy.Example(a=1), "__contains__")("a") is True
    assert allow.method(dspy.Example(a=1), "toDict")() == {"a": 1}


def test_operators_may_come_from_a_builtin() -> None:
    shelf = programs.Shelf([1, 2, 3])

    assert both().method(shelf, "__getitem__")(1) == 2
    with pytest.raises(NotAllowedError):
        both().method(shelf, "append")


@pytest.mark.parametrize(
    "name",
    ["_private", "__init__", "__class__", "__dict__", "__reduce__", "__getattribute__", "a.b", ""],
)
def test_everything_with_underscores_that_is_no_operator_is_refused(name: str) -> None:
    with pytest.raises(NotAllowedError):
        both().method(programs.Guide(), name)


@pytest.mark.parametrize("name", ["save", "load", "load_state", "inspect_history"])
def test_files_and_foreign_states_are_not_for_the_wire(name: str) -> None:
    with pytest.raises(NotAllowedError, match=name) as caught:
        both().method(dspy.Predict("q -> a"), name)

    assert caught.value.hint


@pytest.mark.parametrize("name", ["from_path", "from_file", "from_url"])
def test_files_and_addresses_are_not_read_for_callers(name: str) -> None:
    with pytest.raises(NotAllowedError) as caught:
        both().method(dspy.Image("https://example.org/a.png"), name)

    assert "data URI" in caught.value.hint


@pytest.mark.parametrize("name", ["parse_raw", "parse_file", "model_validate", "construct"])
def test_methods_that_somebody_else_defined_are_refused(name: str) -> None:
    """Pydantic's old readers unpickle what they are given."""
    with pytest.raises(NotAllowedError, match=r"pydantic\.main"):
        both().method(dspy.Image("https://example.org/a.png"), name)


def test_a_foreign_function_under_a_name_of_the_class_is_refused() -> None:
    with pytest.raises(NotAllowedError, match="subprocess"):
        both().method(programs.Guide(), "run")


@pytest.mark.parametrize("name", ["Inner", "mood", "greeting", "no_method", "lowd"])
def test_what_is_no_method_is_not_found(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        both().method(programs.Guide(), name)


def test_an_unknown_method_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        both().method(programs.Guide(), "forwrad")

    assert caught.value.hint == "Did you mean 'forward'?"


def test_what_an_object_carries_under_the_name_of_a_method_is_not_called() -> None:
    guide = programs.Guide()
    guide.__dict__["shape"] = lambda: "smuggled"

    assert both().method(guide, "shape")() == (2, 3)


def test_objects_of_other_classes_are_left_alone() -> None:
    with pytest.raises(NotAllowedError):
        both().method(ModuleType("x"), "__eq__")
    with pytest.raises(NotAllowedError):
        both().method(dspy.LM("openai/x"), "copy")


def test_of_a_kept_class_the_class_methods_are_found() -> None:
    signature = dspy.Signature("question -> answer")

    brief = both().method(signature, "with_instructions")("Be brief.")

    assert brief.instructions == "Be brief."
    for name in ("mro", "__call__", "dump_json"):
        with pytest.raises((InvalidArgumentError, NotAllowedError)):
            both().method(signature, name)
    with pytest.raises(InvalidArgumentError):
        both().method(programs.Guide, "forward")


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "positional", "keywords"),
    [
        (dspy.MIPROv2, (), {"metric": None, "log_dir": "x"}),
        (dspy.Image, ("https://example.org/a.png",), {"download": True}),
        (dspy.Tool, (print,), {"arg_types": {"x": "__import__('os')"}}),
        (dspy.Tool, (print, "n", "d", {}, {"x": "__import__('os')"}), {}),
    ],
)
def test_arguments_that_reach_files_networks_or_evaluation_are_refused(
    target: Any, positional: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowedError) as caught:
        both().check_call(target, positional, keywords)

    assert caught.value.hint


def test_an_argument_of_the_same_name_elsewhere_is_data() -> None:
    both().check_call(dspy.Predict("log_dir -> a").__call__, (), {"log_dir": "x"})
    both().check_call(dspy.MIPROv2, (), {"metric": None, "log_dir": None})


@pytest.mark.parametrize(
    ("target", "positional", "keywords"),
    [
        (dspy.Predict, ("q -> a: os.system",), {}),
        (dspy.ReAct, (), {"signature": "q -> a: os.system", "tools": []}),
        (dspy.Signature, ("q -> a: os.system",), {}),
        (dspy.ensure_signature, ("q -> a: os.system",), {}),
        (programs.Guide, ("q -> a: os.system",), {}),
        (dspy.Predict("q -> a").__call__, (), {"q": "x", "signature": "q -> a: os.system"}),
        # on its way to a module, inside of data
        (dspy.Example, (), {"signature": "q -> a: os.system"}),
        (dspy.Example, ({"signature": "q -> a: os.system"},), {}),
        (dspy.Example(a=1).copy, (), {"signature": "q -> a: os.system"}),
        (dspy.Example(a=1).__setitem__, ("signature", "q -> a: os.system"), {}),
        (dspy.Predict("q -> a").batch, ([{"x": [{"signature": "q -> a: os.system"}]}],), {}),
    ],
)
def test_whatever_may_be_read_as_a_signature_is_looked_at(
    target: Any, positional: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    with pytest.raises(NotAllowedError, match=r"os\.system"):
        both().check_call(target, positional, keywords)


@pytest.mark.parametrize(
    ("target", "positional", "keywords"),
    [
        (dspy.ReAct, (), {"signature": "q -> a", "tools": [programs.Guide()]}),
        (dspy.ReActV2, ("q -> a", [programs.Guide()]), {}),
        (dspy.Tool, (dspy.Predict("q -> a"),), {"name": "ask"}),
        (dspy.ToolCalls.ToolCall(name="x", args={}).execute, ({"x": programs.Guide()},), {}),
    ],
)
def test_a_module_is_no_tool_of_a_language_model(
    target: Any, positional: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    """Its arguments come from the model then, and one of them is a signature."""
    with pytest.raises(NotAllowedError, match="as a tool"):
        both().check_call(target, positional, keywords)


@pytest.mark.parametrize(
    ("target", "keywords"),
    [
        (dspy.Tool, {"func": print, "name": "say"}),
        (dspy.Example, {"code": "q -> a: os.system"}),
        (dspy.Predict("q -> a").__call__, {"q": "q -> a: os.system"}),
        (dspy.Example(a=1).get, {"key": "q -> a: os.system"}),
    ],
)
def test_data_may_look_like_a_signature(target: Any, keywords: dict[str, Any]) -> None:
    both().check_call(target, (), keywords)
