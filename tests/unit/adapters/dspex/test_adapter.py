from __future__ import annotations

import json
import threading
from typing import Any

import dspy
import pytest

from snakepit_bridge.adapters.base import tool
from snakepit_bridge.adapters.dspex import DSPexAdapter, DSPyGRPCHandler
from snakepit_bridge.adapters.dspex.bench import Bench, workbench_of
from snakepit_bridge.adapters.hooks import hooks_of
from snakepit_bridge.errors import InvalidArgumentError
from tests.unit.adapters.dspex.scene import CANARY, Worker, offline_worker, worker_without_dspy
from tests.unit.adapters.stubs import ScriptedStub

QUESTION = {"signature": "question -> answer"}

TOOLS = (
    *("check_dspy", "ping", "get_settings", "get_stats"),
    *("store_object", "retrieve_object", "list_stored_objects", "reset_state"),
    *("configure_lm", "create_signature"),
    *("create_program", "execute_program", "list_programs", "delete_program"),
    *("register_elixir_tool", "enhanced_predict", "enhanced_chain_of_thought"),
    *("call_dspy", "discover_dspy_schema"),
)


# --- every tool, and the shape of its answer ------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        (
            "ping",
            {},
            {
                "status": "ok",
                "dspy_available": True,
                "programs_count": 1,
                "stored_objects_count": 4,
            },
        ),
        ("configure_lm", {"model_type": "offline"}, {"success": True, "model_type": "offline"}),
        (
            "configure_lm",
            {"model_type": "gemini", "api_key": "k-123456"},
            {"success": True, "model_type": "gemini", "model": "gemini-2.5-flash"},
        ),
        (
            "create_signature",
            {"name": "s", "inputs": [{"name": "question"}], "outputs": [{"name": "answer"}]},
            {
                "success": True,
                "name": "s",
                "signature_string": "question: str -> answer: str",
            },
        ),
        (
            "create_program",
            {"name": "q", "program_type": "chain_of_thought", "signature_name": "qa"},
            {"success": True, "name": "q", "type": "chain_of_thought"},
        ),
        (
            "execute_program",
            {"name": "p", "inputs": {"question": "?"}},
            {"success": True, "result": {"answer": "42"}},
        ),
        (
            "store_object",
            {"name": "thing", "object_type": "map", "data": {"a": 1}},
            {"success": True, "name": "thing"},
        ),
        (
            "retrieve_object",
            {"name": "zero"},
            {"success": True, "name": "zero", "type": "int", "info": "0"},
        ),
        (
            "list_stored_objects",
            {},
            {
                "success": True,
                "objects": [
                    {"name": "default_lm", "type": "LM"},
                    {"name": "signature_qa", "type": "StringSignature"},
                    {"name": "p", "type": "Predict"},
                    {"name": "zero", "type": "int"},
                ],
            },
        ),
        (
            "get_settings",
            {},
            {
                "lm": "offline",
                "rm": None,
                "trace": "[]",
                "explain": None,
                "demonstrate": None,
                "backoff_time": None,
                "branch_idx": 0,
                "trace_settings": None,
                "force_rerun": None,
                "compiling": None,
            },
        ),
        (
            "get_stats",
            {},
            {
                "success": True,
                "stats": {
                    "dspy_available": True,
                    "programs_count": 1,
                    "stored_objects_count": 4,
                    "programs": ["p"],
                    "has_lm": True,
                    "dspy_version": dspy.__version__,
                    "has_configured_lm": True,
                },
            },
        ),
        ("list_programs", {}, {"programs": ["p"]}),
        ("delete_program", {"name": "p"}, {"success": True}),
        ("reset_state", {}, {"status": "reset"}),
        (
            "register_elixir_tool",
            {"name": "search", "function": "Search.run/1"},
            {"success": True, "tool_name": "search", "registered": True},
        ),
        (
            "enhanced_predict",
            {**QUESTION, "question": "?"},
            {"success": True, "result": {"answer": "42"}, "type": "predict"},
        ),
        (
            "enhanced_chain_of_thought",
            {**QUESTION, "question": "?"},
            {
                "success": True,
                "result": {"reasoning": "So it is.", "answer": "42"},
                "elixir_validation": {
                    "error": "The host has no tool 'validate_reasoning'.",
                    "hint": "'tool.list' names those there are.",
                },
                "formatted_output": None,
                "type": "chain_of_thought",
            },
        ),
        (
            "call_dspy",
            {"module_path": "stored.p", "function_name": "__call__", "kwargs": {"question": "?"}},
            {"success": True, "result": {"answer": "42"}, "type": "method"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_tool_answers_in_the_shape_that_dspex_matches_on(
    name: str, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    worker = offline_worker({"reasoning": "So it is.", "answer": "42"})
    field, answer = [{"name": "question"}], [{"name": "answer"}]
    worker.call("create_signature", name="qa", inputs=field, outputs=answer)
    worker.call("create_program", name="p", program_type="predict", signature_name="qa")
    worker.call("store_object", name="zero", object_type="integer", data=0)

    found = worker.adapter.execute_tool(name, arguments, worker.context())

    assert found == expected
    assert json.loads(json.dumps(found)) == found, "it is plain data"


def test_check_dspy_tells_the_version_and_the_names() -> None:
    found = Worker().call("check_dspy")

    assert found == {"available": True, "version": dspy.__version__, "modules": dir(dspy)}


def test_there_are_all_the_tools_of_dspex() -> None:
    with pytest.raises(ValueError, match=r"^Unknown tool: nonsense") as caught:
        Worker().call("nonsense")

    for name in TOOLS:
        assert name in str(caught.value)


def test_an_unknown_tool_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"^Unknown tool: execute_progam\. Did you") as caught:
        Worker().call("execute_progam")

    assert "'execute_program'" in str(caught.value)


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "error", "hint"),
    [
        ("configure_lm", {"model_type": "opnai"}, "Unknown model type: 'opnai'.", "'openai'"),
        ("configure_lm", {"model_type": "openai"}, "OPENAI_API_KEY is not set", "api_key"),
        ("configure_lm", {}, "'model_type' is missing", "It takes: model_type, api_key?"),
        (
            "configure_lm",
            {"model_type": "offline", "temprature": 1},
            "unknown are 'temprature'",
            "'temperature'",
        ),
        (
            "create_signature",
            {"name": "s", "inputs": [], "outputs": [{"name": "a b"}, {"type": "str"}]},
            "'inputs' is empty; 'outputs'[0]: 'a b' is no name of a field; 'outputs'[1]: ",
            "A field is",
        ),
        (
            "create_signature",
            {"name": "s", "inputs": "no", "outputs": ["a"]},
            "Wrong 'inputs': it is a text, but no JSON.",
            "as JSON",
        ),
        (
            "create_signature",
            {"name": "s", "inputs": ["q"], "outputs": [{"name": "a", "type": "os.PathLike"}]},
            "'os.PathLike' lies in 'os'",
            "--allow os",
        ),
        (
            "create_program",
            {"name": "p", "program_type": "program_of_thought", "signature_name": "a -> b"},
            "gone in 3.5; it runs code that a model writes. Use chain_of_thought or react.",
            "",
        ),
        (
            "create_program",
            {"name": "p", "program_type": "predct", "signature_name": "a -> b"},
            "Unknown program type: 'predct'.",
            "'predict'",
        ),
        (
            "create_program",
            {"name": "p", "program_type": "predict", "signature_name": "nowhere"},
            "Signature 'nowhere' not found.",
            "create_signature",
        ),
        ("execute_program", {"name": "p", "inputs": {}}, "Program 'p' not found.", "worker"),
        ("execute_program", {"name": "p", "inputs": "[]"}, "expected an object", ""),
        ("execute_program", {"name": "p"}, "'inputs' is missing", "It takes: name, inputs."),
        ("retrieve_object", {"name": "x"}, "Stored object 'x' not found.", "list_stored_objects"),
        ("delete_program", {"name": "x"}, "Program 'x' not found.", "deleted already"),
        ("register_elixir_tool", {"name": "a b"}, "'a b' is no name", "Letters"),
        (
            "enhanced_predict",
            {"signature": "no arrow"},
            "Signature 'no arrow' not found.",
            "create_signature",
        ),
        (
            "call_dspy",
            {"module_path": "os.path", "function_name": "join", "args": ["a"]},
            "'os.path' lies in 'os', outside of what is allowed.",
            "--allow os",
        ),
        (
            "discover_dspy_schema",
            {"module_path": "os"},
            "'os' lies in 'os', outside of what is allowed.",
            "--allow os",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_goes_wrong_is_an_answer_with_a_hint(
    name: str, arguments: dict[str, Any], error: str, hint: str
) -> None:
    answer = Worker().adapter.execute_tool(name, arguments, Worker().context())

    assert answer["success"] is False
    assert error in answer["error"]
    assert hint in answer.get("hint", "")
    assert "traceback" not in answer, "no code of DSPy has raised"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("configure_lm", {"model_type": "offline"}),
        ("create_signature", {"name": "s", "inputs": ["a"], "outputs": ["b"]}),
        ("create_program", {"name": "p", "signature_name": "a -> b"}),
        ("execute_program", {"name": "p", "inputs": {}}),
        ("enhanced_predict", {"signature": "a -> b"}),
        ("enhanced_chain_of_thought", {"signature": "a -> b"}),
        ("call_dspy", {"module_path": "dspy.Predict", "function_name": "__init__"}),
        ("discover_dspy_schema", {}),
    ],
)
def test_without_dspy_its_tools_say_so(name: str, arguments: dict[str, Any]) -> None:
    worker = worker_without_dspy()

    answer = worker.adapter.execute_tool(name, arguments, worker.context())

    assert answer["success"] is False
    assert answer["error"] == "DSPy not available"
    assert "pip install" in answer["hint"]


def test_without_dspy_check_dspy_says_so() -> None:
    answer = worker_without_dspy().call("check_dspy")

    assert answer["available"] is False
    assert answer["error"] == "DSPy not available"
    assert "pip install" in answer["hint"]


# --- sessions -------------------------------------------------------------------------------------


def test_two_sessions_see_nothing_of_each_other() -> None:
    worker = offline_worker({"answer": "ones"})
    worker.call("create_program", name="p", signature_name="question -> answer")
    worker.call("store_object", name="data", data=[1])

    assert worker.call("list_programs", session="two") == {"programs": []}
    assert worker.call("list_stored_objects", session="two")["objects"] == []
    assert worker.call("retrieve_object", session="two", name="data")["success"] is False
    assert worker.call("get_stats", session="two")["stats"]["has_configured_lm"] is False
    answer = worker.call("execute_program", session="two", name="p", inputs={"question": "?"})
    assert answer["error"] == "Program 'p' not found."


def test_a_call_may_name_its_session() -> None:
    worker = Worker()
    worker.call("store_object", name="data", data=1, session_id="callers")
    worker.call("store_object", name="other", data=1, session_id="")

    assert worker.call("retrieve_object", name="data")["success"] is False
    assert worker.call("retrieve_object", name="data", session_id="callers")["success"] is True
    assert worker.call("retrieve_object", session="callers", name="data")["success"] is True
    assert worker.call("retrieve_object", name="other")["success"] is True


def test_a_session_that_is_no_text_is_refused() -> None:
    answer = Worker().call("ping", session_id=5)

    assert answer["success"] is False
    assert "'session_id' is unknown" in answer["error"]


def test_the_id_of_a_session_has_an_end() -> None:
    with pytest.raises(InvalidArgumentError, match="257 characters, more than 256"):
        Worker().call("ping", session_id="x" * 257)


def test_of_too_many_sessions_the_one_not_used_for_longest_is_forgotten() -> None:
    worker = Worker()
    bench, context = Bench(worker.workbench, most_sessions=2), worker.context()
    for name in ("one", "two", "one", "three"):
        bench.session(context, name).instances.register(object())

    assert worker.workbench.instances.count("two") == 0
    assert worker.workbench.instances.count("one") == 2
    assert worker.workbench.instances.count("three") == 1


def test_a_program_of_one_session_cannot_be_called_by_its_ref_in_another() -> None:
    worker = offline_worker()
    answer = worker.call(
        "call_dspy", module_path="dspy.Predict", function_name="__init__", args=["a -> b"]
    )
    assert answer["success"] is True

    stolen = worker.call(
        "call_dspy",
        session="two",
        module_path=f"stored.{answer['instance_id']}",
        function_name="__call__",
        kwargs={"a": "?"},
    )

    assert stolen["success"] is False
    assert "not found" in stolen["error"]


def test_the_end_of_a_session_forgets_what_it_had() -> None:
    worker = offline_worker()
    worker.call("create_program", name="p", signature_name="a -> b")
    worker.call("store_object", name="data", data=1, session="two")

    worker.adapter.on_session_end("one")

    assert worker.call("list_stored_objects") == {"success": True, "objects": []}
    assert len(worker.call("list_stored_objects", session="two")["objects"]) == 1


def test_the_end_of_a_session_closes_the_connections_of_its_language_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = offline_worker()
    forgotten: list[str] = []
    monkeypatch.setattr(worker.workbench.configurator, "forget", forgotten.append)

    worker.adapter.on_session_end("one")

    assert forgotten == ["one"]


def test_a_tool_that_breaks_answers_all_the_same_and_logs_no_key(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()

    def broken(*_: Any) -> Any:
        text = f"Cannot go on with {CANARY}."
        raise LookupError(text)

    worker.call("configure_lm", model_type="openai", api_key=CANARY)
    monkeypatch.setattr("snakepit_bridge.adapters.dspex.objects.store", broken)
    answer = worker.call("store_object", name="a", data=1)

    assert answer["success"] is False
    assert answer["error"].startswith("'store_object' raised LookupError: Cannot go on with ")
    assert CANARY not in str(answer)
    assert "raised LookupError" in caplog.text
    assert CANARY not in caplog.text


def test_the_end_of_the_worker_forgets_all_sessions() -> None:
    worker = Worker()
    for session in ("one", "two"):
        worker.call("create_program", session=session, name="p", signature_name="a -> b")

    worker.adapter.cleanup()

    assert worker.workbench.instances.count() == 0


def test_calls_of_a_session_run_side_by_side() -> None:
    worker = offline_worker({"b": "done"})
    names = [f"p{number}" for number in range(8)]
    answers: list[Any] = []

    def work(name: str) -> None:
        worker.call("create_program", name=name, signature_name="a -> b")
        answers.append(worker.call("execute_program", name=name, inputs={"a": "?"}))

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert answers == [{"success": True, "result": {"b": "done"}}] * 8
    assert sorted(worker.call("list_programs")["programs"]) == names


# --- secrets --------------------------------------------------------------------------------------


def test_a_key_shows_in_no_answer() -> None:
    worker = Worker({"ANTHROPIC_API_KEY": CANARY})
    answers = [
        worker.call("configure_lm", model_type="openai", api_key=f"{CANARY}-own"),
        worker.call("retrieve_object", name="default_lm"),
        worker.call("get_settings"),
        worker.call("configure_lm", model_type="anthropic"),
        worker.call("retrieve_object", name="default_lm"),
        worker.call("store_object", name=f"of {CANARY}", data={CANARY: [CANARY, 1]}),
        worker.call("retrieve_object", name=f"of {CANARY}"),
        worker.call("list_stored_objects"),
        worker.call("configure_lm", model_type=CANARY, api_key=CANARY),
    ]

    assert CANARY not in json.dumps(answers)
    assert answers[-1]["error"] == "Unknown model type: '***'."


# --- the adapter itself ---------------------------------------------------------------------------


def test_a_worker_takes_it_as_an_adapter_for_many_threads() -> None:
    hooks = hooks_of(DSPexAdapter)

    assert hooks.answers_itself
    assert not hooks.answers_on_loop, "a language model may take minutes"
    assert hooks.lifetime == "process"
    assert hooks.hears_session_ends
    assert hooks.cleans_up
    assert DSPexAdapter.__thread_safe__
    assert DSPyGRPCHandler is DSPexAdapter


def test_a_subclass_adds_tools_of_its_own() -> None:
    class Mine(DSPexAdapter):
        @tool()
        def double(self, number: int) -> int:
            return 2 * number

    adapter = Mine(workbench_of({}))

    assert adapter.execute_tool("double", {"number": 4}, Worker().context()) == 8
    assert adapter.execute_tool("ping", {}, Worker().context())["status"] == "ok"
    with pytest.raises(ValueError, match="Unknown tool: cleanup"):
        adapter.execute_tool("cleanup", {}, Worker().context())


def test_the_settings_are_those_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAKEPIT_BRIDGE_ALLOW", "decimal")
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    context = Worker().context()
    adapter = DSPexAdapter()

    answer = adapter.execute_tool("configure_lm", {"model_type": "openai"}, context)

    assert answer == {"success": True, "model_type": "openai"}
    made = {"module_path": "decimal.Decimal", "function_name": "__init__", "args": ["1.5"]}
    assert adapter.execute_tool("call_dspy", made, context)["class_name"] == "Decimal"


@pytest.mark.parametrize("stub", [None, ScriptedStub()])
def test_where_there_is_no_host_its_tools_are_not_there(stub: Any) -> None:
    context = Worker().context()
    context.stub = stub
    adapter = DSPexAdapter(workbench_of({}))
    adapter.execute_tool("configure_lm", {"model_type": "offline"}, context)

    answer = adapter.execute_tool("enhanced_predict", {"signature": "a -> b", "a": "?"}, context)

    assert answer["type"] == "predict"
