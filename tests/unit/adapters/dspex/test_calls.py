from __future__ import annotations

import re
from typing import Any

import pytest

from snakepit_bridge.adapters.dspex.bench import workbench_of
from tests.unit.adapters.dspex.scene import Worker, offline_worker

PROGRAMS = "tests.unit.handlers.dspy.programs"


def call(worker: Worker, path: str, name: str, *args: Any, **kwargs: Any) -> Any:
    return worker.call(
        "call_dspy", module_path=path, function_name=name, args=list(args), kwargs=kwargs
    )


def made(worker: Worker, path: str, *args: Any, **kwargs: Any) -> str:
    """The path of a new stored object."""
    answer = call(worker, path, "__init__", *args, **kwargs)
    assert answer["success"], answer
    return f"stored.{answer['instance_id']}"


def open_worker() -> Worker:
    """A worker that offers programs of an operator, too."""
    return Worker(workbench=workbench_of({"SNAKEPIT_BRIDGE_ALLOW": PROGRAMS}))


# --- constructors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"kwargs": {"signature": "a -> b"}}, {"args": ["a -> b"]}])
@pytest.mark.parametrize("kind", ["Predict", "ChainOfThought"])
def test_a_constructor_stores_what_it_makes(kind: str, given: dict[str, Any]) -> None:
    worker = offline_worker({"reasoning": "so", "b": "done"})

    answer = worker.call("call_dspy", module_path=f"dspy.{kind}", function_name="__init__", **given)

    name = answer["instance_id"]
    assert answer == {
        "success": True,
        "instance_id": name,
        "type": "constructor",
        "class_name": kind,
    }
    assert re.fullmatch(kind.lower() + r"_\d{12}", name)
    assert call(worker, f"stored.{name}", "__call__", a="?")["result"]["b"] == "done"
    assert worker.call("execute_program", name=name, inputs={"a": "?"})["success"] is True


def test_objects_that_look_alike_have_different_ids() -> None:
    worker = offline_worker()

    names = {made(worker, "dspy.Predict", "a -> b") for _ in range(50)}

    assert len(names) == 50


def test_arguments_may_be_json_text() -> None:
    worker = offline_worker({"b": "done"})

    answer = worker.call(
        "call_dspy",
        module_path="dspy.Predict",
        function_name="__init__",
        args="[]",
        kwargs='{"signature": "a -> b"}',
    )

    assert answer["class_name"] == "Predict"


def test_a_class_in_a_module_may_be_called_like_a_function() -> None:
    worker = offline_worker({"b": "done"})

    answer = call(worker, "dspy.predict", "Predict", "a -> b")

    assert answer["type"] == "constructor"
    assert answer["class_name"] == "Predict"


def test_an_agent_gets_the_registered_tools_unless_it_brings_its_own() -> None:
    worker = offline_worker()
    worker.call("register_elixir_tool", name="search", parameters={"query": "string"})

    agent = made(worker, "dspy.ReAct", "a -> b")
    alone = made(worker, "dspy.ReAct", "a -> b", tools=[])

    assert "search" in str(call(worker, agent, "dump_state")["result"])
    assert "search" not in str(call(worker, alone, "dump_state")["result"])


# --- methods --------------------------------------------------------------------------------------


def test_a_program_that_a_method_returns_is_stored() -> None:
    worker = offline_worker({"b": "done"})
    program = made(worker, "dspy.Predict", "a -> b")

    answer = call(worker, program, "deepcopy")

    assert answer["type"] == "method"
    assert answer["result"] == answer["instance_id"]
    assert call(worker, f"stored.{answer['result']}", "__call__", a="?")["success"] is True


def test_the_path_of_a_stored_object_stands_for_it_among_the_arguments() -> None:
    worker = offline_worker({"b": "done"})
    program = made(worker, "dspy.Predict", "a -> b")
    example = made(worker, "dspy.Example", a="1", b="2")
    worker.call("store_object", name="one", data=1)
    optimizer = made(worker, "dspy.LabeledFewShot", k="stored.one")

    answer = call(worker, optimizer, "compile", student=program, trainset=[example])

    assert answer["success"], answer
    state = call(worker, f"stored.{answer['instance_id']}", "dump_state")["result"]
    assert state["demos"] == [{"a": "1", "b": "2"}]


def test_a_text_that_only_looks_like_such_a_path_stays_a_text() -> None:
    worker = offline_worker()
    example = made(worker, "dspy.Example", a="stored.nowhere", deep={"b": ["stored.nothing"]})

    result = call(worker, example, "toDict")["result"]

    assert result == {"a": "stored.nowhere", "deep": {"b": ["stored.nothing"]}}


@pytest.mark.parametrize(
    ("method", "result"), [("__len__", "1"), ("keys", ["a"]), ("items", [["a", "1"]])]
)
def test_lists_and_objects_stay_and_all_else_is_text(method: str, result: Any) -> None:
    worker = offline_worker()
    example = made(worker, "dspy.Example", a="1")

    assert call(worker, example, method)["result"] == result


def test_positional_arguments_go_together_with_named_ones() -> None:
    worker = open_worker()
    guide = made(worker, f"{PROGRAMS}.Guide", "Hi", repeats=2)

    answer = call(worker, guide, "forward", "Ada", loud=True)

    assert answer["result"] == {"text": "HI, ADA!HI, ADA!"}


@pytest.mark.parametrize(
    ("args", "kwargs"), [(["Hi", 2, 3], {"greeting": "x"}), (["Hi"], {"greeting": "x"})]
)
def test_positional_arguments_without_names_of_their_own_are_refused(
    args: list[Any], kwargs: dict[str, Any]
) -> None:
    answer = call(open_worker(), f"{PROGRAMS}.Guide", "__init__", *args, **kwargs)

    assert answer["success"] is False
    assert answer["hint"] == "Send all arguments in 'kwargs', by their names."


def test_data_has_no_methods() -> None:
    worker = offline_worker()
    worker.call("store_object", name="data", data={"a": 1})

    answer = call(worker, "stored.data", "keys", 1, a=2)
    bare = call(worker, "stored.data", "keys")

    assert answer["success"] is False
    assert "data of type 'dict'" in bare["error"]


# --- what is not stored ---------------------------------------------------------------------------


def test_a_function_of_a_module_is_called() -> None:
    answer = call(offline_worker(), "dspy.evaluate", "EM", "a", ["A", "b"])

    assert answer == {"success": True, "result": "True", "type": "static_method"}


def test_a_function_that_the_path_names_itself_is_called() -> None:
    answer = call(offline_worker(), "dspy.evaluate.EM", "run", "a", ["b"])

    assert answer == {"success": True, "result": "False", "type": "function"}


def test_a_method_of_a_class_is_called() -> None:
    answer = call(open_worker(), f"{PROGRAMS}.Guide", "shape")

    assert answer == {"success": True, "result": [2, 3], "type": "static_method"}


def test_a_signature_that_a_function_makes_is_stored() -> None:
    worker = offline_worker({"b": "done"})

    answer = call(worker, "dspy.signatures", "make_signature", "a -> b")
    program = made(worker, "dspy.Predict", f"stored.{answer['instance_id']}")

    assert call(worker, program, "__call__", a="?")["result"] == {"b": "done"}


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "error", "hint"),
    [
        ("dspy", "Predict", "'dspy' is no dotted name.", "dspy.Predict"),
        ("dspy.Predct", "__init__", "'dspy.Predct' does not exist", "'dspy.Predict'"),
        ("dspy.nowhere", "x", "'dspy' has no 'nowhere'", ""),
        ("dspy.evaluate", "EMM", "has no 'EMM'", "'dspy.evaluate.EM'"),
        ("dspy.Predict", "nothing", "Predict has no method 'nothing'.", ""),
        ("dspy.RLM", "__init__", "runs code that others write", "--allow-code-execution"),
        ("dspy.ProgramOfThought", "__init__", "gone in 3.5", "dspy.RLM"),
        ("subprocess.run", "x", "'subprocess.run' lies in 'subprocess'", "--allow subprocess"),
        ("dspy.clients.os", "system", "'dspy.clients.os' lies in", "dspy.configure"),
        ("dspy.LM", "__init__", "lies in 'dspy.clients", "dspy.configure"),
        ("stored.nothing", "__call__", "Stored object 'nothing' not found.", "worker"),
    ],
)
def test_what_may_not_be_called_is_refused(path: str, name: str, error: str, hint: str) -> None:
    answer = call(offline_worker(), path, name)

    assert answer["success"] is False
    assert error in answer["error"]
    assert hint in answer.get("hint", "")
    assert answer["module_path"] == path
    assert answer["function_name"] == name
    assert "traceback" not in answer


@pytest.mark.parametrize("method", ["nothing", "save", "__class__", "_private"])
def test_a_method_that_may_not_be_called_is_refused(method: str) -> None:
    worker = offline_worker()
    program = made(worker, "dspy.Predict", "a -> b")

    assert call(worker, program, method)["success"] is False


def test_an_exception_of_python_code_comes_with_its_traceback() -> None:
    worker = open_worker()
    program = made(worker, f"{PROGRAMS}.Failing")

    answer = call(worker, program, "__call__")

    assert answer["success"] is False
    assert "no such town" in answer["error"]
    assert "LookupError" in answer["traceback"]


def test_types_in_a_signature_are_not_evaluated() -> None:
    answer = call(offline_worker(), "dspy.signatures", "make_signature", "a -> b: os.PathLike")

    assert answer["success"] is False
    assert "'os.PathLike' lies in 'os'" in answer["error"]


def test_a_full_session_is_refused_and_keeps_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snakepit_bridge.adapters.dspex.shelf.Shelf.__init__.__defaults__", (2,))
    worker = Worker()
    made(worker, "dspy.Predict", "a -> b")
    worker.call("create_program", name="p", signature_name="a -> b")

    answers = [
        call(worker, "dspy.Predict", "__init__", "a -> b"),
        worker.call("create_program", name="q", signature_name="a -> b"),
    ]

    assert [each["success"] for each in answers] == [False, False]
    assert "2 stored objects, as many as it may" in answers[0]["error"]
    assert worker.workbench.instances.count("one") == 2
