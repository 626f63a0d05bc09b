"""DSPex's tools in a real worker, called by the double of Elixir as DSPex calls them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as ProtobufAny

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir import ElixirError, FakeElixirHost, FakeWorkerHandle

ADAPTER = "snakepit_bridge.adapters.dspex.DSPexAdapter"
CANARY = "sk-canary-0123456789abcdef"
WAIT_S = 30.0


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeElixirHost, FakeWorkerHandle]]:
    with FakeElixirHost() as host:
        yield host, host.spawn(ADAPTER, env={"OPENAI_API_KEY": CANARY})


@pytest.fixture
def host(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeElixirHost:
    return shared[0]


@pytest.fixture
def worker(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeWorkerHandle:
    shared[1].execute("reset_state")
    return shared[1]


def succeeded(worker: FakeWorkerHandle, tool: str, args: Mapping[str, Any]) -> Any:
    """What matches ``%{"success" => true} = result``."""
    result = worker.execute(tool, args)
    assert result["success"] is True, result
    return result


def offline(worker: FakeWorkerHandle, *answers: Any) -> None:
    succeeded(worker, "configure_lm", {"model_type": "offline", "answers": list(answers)})


def in_session(worker: FakeWorkerHandle, session: str, tool: str, **args: Any) -> Any:
    """A call in a session other than the worker's own."""
    request = pb.ExecuteToolRequest(session_id=session, tool_name=tool)
    for name, value in args.items():
        kind = "type.googleapis.com/google.protobuf.StringValue"
        text = json.dumps(value).encode()
        request.parameters[name].CopyFrom(ProtobufAny(type_url=kind, value=text))
    answer = worker.call("ExecuteTool", request, timeout_s=WAIT_S)
    assert answer.success, answer.error_message
    return json.loads(answer.result.value)


def test_a_program_is_made_and_executed_by_name(worker: FakeWorkerHandle) -> None:
    assert worker.execute("check_dspy")["available"] is True
    offline(worker, {"reasoning": "It is known.", "answer": "Paris"})
    fields = {
        "inputs": [{"name": "question", "type": "str", "description": "What to answer."}],
        "outputs": [{"name": "answer", "type": "str"}],
    }
    signature = succeeded(worker, "create_signature", {"name": "qa", **fields})
    program = {"name": "geo", "program_type": "chain_of_thought", "signature_name": "qa"}
    succeeded(worker, "create_program", program)

    result = succeeded(
        worker, "execute_program", {"name": "geo", "inputs": {"question": "Capital of France?"}}
    )

    assert signature["signature_string"] == "question: str -> answer: str"
    assert result["result"] == {"reasoning": "It is known.", "answer": "Paris"}
    assert worker.execute("list_programs") == {"programs": ["geo"]}


def test_maps_that_arrive_as_json_text_are_read(worker: FakeWorkerHandle) -> None:
    offline(worker, {"answer": "18"})
    fields = {"inputs": '[{"name": "question"}]', "outputs": '[{"name": "answer"}]'}
    succeeded(worker, "create_signature", {"name": "qa", **fields})
    succeeded(worker, "create_program", {"name": "p", "signature_name": "qa"})

    result = succeeded(worker, "execute_program", {"name": "p", "inputs": '{"question": "9+9"}'})

    assert result["result"] == {"answer": "18"}


def test_an_instance_is_made_and_called_by_its_id(worker: FakeWorkerHandle) -> None:
    offline(worker, {"answer": "Paris"})
    made = succeeded(
        worker,
        "call_dspy",
        {
            "module_path": "dspy.Predict",
            "function_name": "__init__",
            "args": [],
            "kwargs": {"signature": "question -> answer"},
        },
    )

    called = succeeded(
        worker,
        "call_dspy",
        {
            "module_path": f"stored.{made['instance_id']}",
            "function_name": "__call__",
            "args": [],
            "kwargs": {"question": "Capital of France?"},
        },
    )

    assert made["class_name"] == "Predict"
    assert called == {"success": True, "result": {"answer": "Paris"}, "type": "method"}


def test_the_schema_of_dspy_travels(worker: FakeWorkerHandle) -> None:
    found = succeeded(worker, "discover_dspy_schema", {"module_path": "dspy"})

    assert found["discovered_count"] == len(found["schema"])
    assert found["schema"]["Predict"]["type"] == "class"


def test_elixir_looks_at_predictions(host: FakeElixirHost, worker: FakeWorkerHandle) -> None:
    host.tool("validate_signature", lambda args: {"valid": "->" in args["signature"]})
    host.tool("transform_result", lambda args: {"transformed_result": {"was": args["result"]}})
    host.tool("validate_reasoning", lambda args: {"valid": True, "domain": args["domain"]})
    host.tool("process_template", lambda args: args["variables"]["answer"].upper())
    offline(worker, {"reasoning": "It is known.", "answer": "Paris"})
    asked = {"signature": "question -> answer", "question": "Capital of France?"}

    predicted = succeeded(worker, "enhanced_predict", asked)
    thought = succeeded(worker, "enhanced_chain_of_thought", asked)

    assert predicted["result"] == {"was": {"answer": "Paris"}}
    assert predicted["type"] == "enhanced_predict"
    assert thought["elixir_validation"] == {"valid": True, "domain": "general"}
    assert thought["formatted_output"] == "PARIS"


def test_an_agent_waits_for_elixir_while_other_calls_are_answered(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    asked, go = threading.Event(), threading.Event()

    def search(args: Mapping[str, Any]) -> str:
        asked.set()
        assert go.wait(WAIT_S)
        return f"found {args['query']}"

    host.tool("search", search)
    offline(
        worker,
        {
            "next_thought": "Look it up.",
            "next_tool_name": "search",
            "next_tool_args": {"query": "cats"},
        },
        {"next_thought": "Done.", "next_tool_name": "finish", "next_tool_args": {}},
        {"reasoning": "They said so.", "answer": "two"},
    )
    parameters = [{"name": "query", "type": "string"}]
    succeeded(worker, "register_elixir_tool", {"name": "search", "parameters": parameters})
    program = {"name": "a", "program_type": "react", "signature_name": "goal -> answer"}
    succeeded(worker, "create_program", program)

    execution = worker.submit("execute_program", {"name": "a", "inputs": {"goal": "cats"}})
    assert asked.wait(WAIT_S)
    meanwhile = in_session(worker, "another", "ping")
    go.set()
    result = execution.result(WAIT_S)

    assert meanwhile["status"] == "ok"
    assert result["result"]["answer"] == "two"
    assert result["result"]["trajectory"]["observation_0"] == "found cats"


def test_two_sessions_of_a_worker_share_nothing(worker: FakeWorkerHandle) -> None:
    offline(worker, {"answer": "Paris"})
    succeeded(worker, "create_program", {"name": "p", "signature_name": "question -> answer"})

    call = {"name": "p", "inputs": {"question": "?"}}
    other = in_session(worker, "another", "execute_program", **call)

    assert other == {
        "success": False,
        "error": "Program 'p' not found.",
        "hint": "'list_stored_objects' lists them; a worker has its own.",
    }
    assert succeeded(worker, "execute_program", call)["result"] == {"answer": "Paris"}


def test_the_sessions_of_elixirs_callers_are_kept_apart(worker: FakeWorkerHandle) -> None:
    for session, answer in (("ada", "Paris"), ("bob", "Rome")):
        own = {"session_id": session}
        model = {"model_type": "offline", "answers": [{"answer": answer}]}
        succeeded(worker, "configure_lm", {**model, **own})
        succeeded(worker, "create_program", {"name": "p", "signature_name": "q -> answer", **own})

    answers = [
        worker.execute("execute_program", {"name": "p", "inputs": {"q": "?"}, "session_id": each})
        for each in ("ada", "bob")
    ]

    assert [each["result"]["answer"] for each in answers] == ["Paris", "Rome"]
    assert worker.execute("list_programs") == {"programs": []}


def test_what_goes_wrong_matches_dspexs_failures(worker: FakeWorkerHandle) -> None:
    offline(worker, "no fields at all")
    succeeded(worker, "create_program", {"name": "p", "signature_name": "question -> n: int"})

    failed = worker.execute("execute_program", {"name": "p", "inputs": {"question": "?"}})
    refused = worker.execute("call_dspy", {"module_path": "os.path", "function_name": "join"})

    assert failed["success"] is False
    assert "Traceback" in failed["traceback"]
    assert refused["success"] is False
    assert "outside of what is allowed" in refused["error"]
    with pytest.raises(ElixirError, match="Unknown tool: nonsense"):
        worker.execute("nonsense")


def test_a_key_of_the_worker_is_used_and_seen_nowhere(worker: FakeWorkerHandle) -> None:
    succeeded(worker, "configure_lm", {"model_type": "openai"})
    info = worker.execute("retrieve_object", {"name": "default_lm"})
    stats = worker.execute("get_stats")["stats"]

    assert "env:OPENAI_API_KEY" in info["info"]
    assert stats["has_lm"] is True
    assert CANARY not in json.dumps(worker.transcript, default=str)
    assert CANARY not in worker.output.text()
