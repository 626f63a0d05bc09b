from __future__ import annotations

import gc
import math
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.session_context import (
    SessionContext,
    VariableNotFoundError,
    VariableProxy,
    VariableType,
)
from tests.unit.adapters.stubs import ScriptedStub
from tests.unit.adapters.variable_host import VariableHost, status


@pytest.fixture
def host() -> VariableHost:
    return VariableHost()


@pytest.fixture
def context(host: VariableHost) -> SessionContext:
    return SessionContext(host, "s")


def _failing(rpc: str, error: Exception) -> SessionContext:
    stub = ScriptedStub()
    stub.say(rpc, error)
    return SessionContext(stub, "s")


# --- one at a time --------------------------------------------------------------


def test_a_variable_is_registered_with_all_that_is_known_of_it(
    host: VariableHost, context: SessionContext
) -> None:
    variable_id = context.register_variable(
        "temperature", VariableType.FLOAT, 1, {"min": 0, "max": 2}, {"by": 7}
    )

    [(_, request)] = host.asked
    assert variable_id == "var_temperature_1"
    assert request.session_id == "s"
    assert request.type == "float"
    assert request.initial_value.value == b"1.0"
    assert request.initial_value.type_url == "type.googleapis.com/snakepit.float"
    assert request.constraints_json == '{"min":0,"max":2}'
    assert dict(request.metadata) == {"by": "7"}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [("float", "much", "expects"), ("flaot", 1, "no variable type"), ("float", 3, "at most 2")],
)
def test_what_does_not_fit_is_refused_before_anybody_is_asked(
    host: VariableHost, context: SessionContext, kind: str, value: Any, expected: str
) -> None:
    constraints = {"max": 2} if value == 3 else None

    with pytest.raises(ValueError, match=expected):
        context.register_variable("x", kind, value, constraints)

    assert host.asked == []


def test_what_no_json_can_express_is_refused(context: SessionContext) -> None:
    with pytest.raises(ValueError, match="variable 'x' cannot be sent as JSON"):
        context.register_variable("x", "map", {"a": object()})


def test_a_host_that_refuses_is_quoted(context: SessionContext) -> None:
    context.register_variable("x", "integer", 1, {"max": 10}, {"kept": "yes"})

    with pytest.raises(RuntimeError, match="refused to register variable 'x': already_exists"):
        context.register_variable("x", "integer", 1)
    with pytest.raises(RuntimeError, match="refused to update variable 'x': above maximum"):
        context.update_variable("x", 11)
    with pytest.raises(RuntimeError, match="refused to delete variable 'x': it is kept"):
        context.delete_variable("x")


def test_a_value_is_read_once_in_five_seconds(host: VariableHost, context: SessionContext) -> None:
    variable_id = context.register_variable("x", "integer", 1)

    assert context.get_variable("x") == 1
    assert context.get_variable(variable_id) == 1
    assert host.rpcs == ["RegisterVariable"]

    context.clear_cache()
    assert context.get_variable("x") == 1
    context.set_cache_ttl(timedelta(0))
    context.clear_cache()
    assert context.get_variable("x") == 1
    assert context.get_variable("x") == 1
    assert host.rpcs == ["RegisterVariable", *["GetVariable"] * 3]


def test_a_variable_may_be_read_anew_each_time(host: VariableHost, context: SessionContext) -> None:
    context.register_variable("x", "integer", 1, ttl=timedelta(0))

    assert context.get_variable("x") == 1

    assert host.rpcs == ["RegisterVariable", "GetVariable"]


def test_a_special_float_comes_back_as_one(context: SessionContext) -> None:
    context.register_variable("x", "float", -math.inf)

    assert context.get_variable("x") == -math.inf


def test_a_missing_variable_is_a_key_error(context: SessionContext) -> None:
    for use in (
        lambda: context.get_variable("x"),
        lambda: context.update_variable("x", 1),
        lambda: context.delete_variable("x"),
    ):
        with pytest.raises(VariableNotFoundError, match=r"^Variable not found: 'x'\.") as caught:
            use()
        assert isinstance(caught.value, KeyError)
    assert str(VariableNotFoundError()) == ""


def test_a_changed_variable_is_read_anew(host: VariableHost, context: SessionContext) -> None:
    context.register_variable("x", "float", 1)

    context.update_variable("x", 2, {"why": "test"})

    assert context.get_variable("x") == 2.0
    assert host.rpcs == ["RegisterVariable", "SetVariable", "GetVariable"]
    assert dict(host.asked[1][1].metadata) == {"why": "test"}


def test_a_value_has_to_fit_the_type_of_its_variable(context: SessionContext) -> None:
    context.register_variable("x", "integer", 1)

    with pytest.raises(ValueError, match="expects"):
        context.update_variable("x", "much")


def test_types_that_only_the_host_knows_are_its_business(
    host: VariableHost, context: SessionContext
) -> None:
    host.variables["x"] = pb.Variable(name="x", type="decimal", value=WireValue(value=b'"1.10"'))

    context.update_variable("x", "2.20")

    assert context.get_variable("x") == "2.20"


def test_a_deleted_variable_is_gone(context: SessionContext) -> None:
    context.register_variable("x", "integer", 1)

    context.delete_variable("x")

    assert "x" not in context


def test_variables_are_listed_with_all_that_is_known(context: SessionContext) -> None:
    context.register_variable("alpha", "integer", 1, {"max": 10}, {"by": "me"})
    context.register_variable("beta", "string", "b")

    listed = context.list_variables("al*")

    assert listed == [
        {
            "id": "var_alpha_1",
            "name": "alpha",
            "type": "integer",
            "value": 1,
            "version": 0,
            "constraints": {"max": 10},
            "metadata": {"by": "me"},
            "optimizing": False,
        }
    ]
    assert len(context.list_variables()) == 2


# --- several at once ------------------------------------------------------------


def test_several_values_are_read_at_once_by_name_and_by_id(
    host: VariableHost, context: SessionContext
) -> None:
    context.register_variable("x", "integer", 1)
    variable_id = context.register_variable("y", "integer", 2)

    values = context.get_variables(["x", variable_id])

    assert values == {"x": 1, "var_x_1": 1, "y": 2, "var_y_1": 2}
    assert host.rpcs.count("GetVariables") == 1


def test_all_that_are_missing_are_named(context: SessionContext) -> None:
    context.register_variable("x", "integer", 1)

    with pytest.raises(VariableNotFoundError, match="'y', 'z'"):
        context.get_variables(["x", "y", "z"])


def test_several_are_changed_at_once_each_with_its_outcome(context: SessionContext) -> None:
    context.register_variable("x", "integer", 1)
    context.register_variable("y", "integer", 1, {"max": 10})

    results = context.update_variables({"x": 2, "y": 11, "z": 3}, metadata={"why": "test"})

    assert results == {"x": True, "y": "above maximum", "z": "not found"}
    assert context.get_variable("x") == 2


def test_all_are_changed_or_none(context: SessionContext) -> None:
    context.register_variable("x", "integer", 1)

    results = context.update_variables({"x": 2, "z": 3}, atomic=True)

    assert results == {"x": "not updated, because others were refused", "z": "not found"}
    assert context.get_variable("x") == 1
    assert context.update_variables({"x": 2}, atomic=True) == {"x": True}


def test_a_batch_is_sent_at_the_end_of_its_block(
    host: VariableHost, context: SessionContext
) -> None:
    context.register_variable("x", "integer", 1)

    with context.batch_updates() as batch:
        batch["x"] = 2
        assert len(batch) == 1
        assert "SetVariables" not in host.rpcs

    assert context.get_variable("x") == 2


def test_a_batch_says_what_was_refused(context: SessionContext) -> None:
    def send() -> None:
        with context.batch_updates() as batch:
            batch["z"] = 2

    with pytest.raises(RuntimeError, match="'z': not found"):
        send()


def test_a_batch_is_not_sent_after_an_error_nor_when_it_is_empty(
    host: VariableHost, context: SessionContext
) -> None:
    def fail() -> None:
        with context.batch_updates() as batch:
            batch["x"] = 2
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with context.batch_updates():
        pass

    assert host.asked == []


# --- shorter ways ---------------------------------------------------------------


def test_variables_are_items_of_the_context(context: SessionContext) -> None:
    context["x"] = [1, 2]
    context["x"] = [3, 4]

    assert context["x"] == [3, 4]
    assert "x" in context
    assert "y" not in context
    with pytest.raises(TypeError):
        iter(context)  # type: ignore[call-overload]  # that is the point


def test_a_strict_context_creates_no_variables(host: VariableHost) -> None:
    strict = SessionContext(host, "s", strict_mode=True)

    with pytest.raises(VariableNotFoundError):
        strict["x"] = 1
    strict.v.x = 1
    strict["x"] = 2

    assert strict["x"] == 2


def test_variables_are_attributes_of_v(context: SessionContext) -> None:
    context.v.x = "a"
    context.v.x = "b"

    assert context.v.x == "b"
    assert not hasattr(context.v, "y")
    assert getattr(context.v, "y", "none") == "none"


def test_what_python_itself_asks_of_an_object_is_no_variable(
    host: VariableHost, context: SessionContext
) -> None:
    assert not hasattr(context.v, "__array__")
    assert host.asked == []


def test_a_proxy_reads_and_changes_its_variable(context: SessionContext) -> None:
    context["x"] = 1
    proxy = context.variable("x")

    proxy.value = 2

    assert proxy.value == 2
    assert repr(proxy) == "VariableProxy('x')"


def test_a_proxy_keeps_no_context_alive(host: VariableHost) -> None:
    proxy = VariableProxy(SessionContext(host, "s"), "x")
    gc.collect()

    with pytest.raises(ReferenceError, match="variable 'x' has gone"):
        _ = proxy.value


def test_the_end_of_the_session_forgets_its_values(
    host: VariableHost, context: SessionContext
) -> None:
    context["x"] = 1
    context.cleanup()

    assert context["x"] == 1
    assert host.rpcs[-1] == "GetVariable"


# --- hosts that fail ------------------------------------------------------------


def test_a_host_without_variables_says_what_to_do_instead() -> None:
    unserved = status(grpc.StatusCode.UNIMPLEMENTED, "unknown method")

    with pytest.raises(RuntimeError, match=r"since release 0\.5.*Elixir tool") as caught:
        _failing("GetVariable", unserved).get_variable("x")

    assert caught.value.__cause__ is unserved


def test_a_session_that_is_missing_is_no_missing_variable() -> None:
    missing = status(grpc.StatusCode.NOT_FOUND, "Session not found: s")

    with pytest.raises(RuntimeError, match="could not get variable 'x': Session not found"):
        _failing("GetVariable", missing).get_variable("x")


def test_a_host_that_finds_a_value_invalid_raises_a_value_error() -> None:
    invalid = status(grpc.StatusCode.INVALID_ARGUMENT, "too hot")

    with pytest.raises(ValueError, match="too hot"):
        _failing("RegisterVariable", invalid).register_variable("x", "integer", 1)


def test_a_stub_that_fails_is_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="could not list its variables: no host"):
        _failing("ListVariables", LookupError("no host")).list_variables()


def test_a_value_in_a_form_of_erlangs_own_is_a_runtime_error(
    host: VariableHost, context: SessionContext
) -> None:
    host.variables["x"] = pb.Variable(name="x", type="tensor", binary_value=b"\x83")

    with pytest.raises(RuntimeError, match="Have the host keep it as JSON"):
        context.get_variable("x")
