from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import (
    InvalidArgumentError,
    VariableError,
    VersionConflictError,
    WrongCallError,
)
from snakepit_bridge.grpc import bridge_variables as rpcs
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_refusals import VariableExistsError
from snakepit_bridge.session.variables import VariableStore, VariableUpdate


def _wire(text: str) -> WireValue:
    return WireValue(value=text.encode())


def _register(store: VariableStore, name: str, text: str = "1", **fields: Any) -> str:
    request = pb.RegisterVariableRequest(
        session_id="s", name=name, initial_value=_wire(text), **fields
    )
    return rpcs.register(store, request).variable_id


def _set(store: VariableStore, name: str, text: str, **fields: Any) -> int:
    request = pb.SetVariableRequest(
        session_id="s", variable_identifier=name, value=_wire(text), **fields
    )
    return rpcs.set_one(store, request).new_version


def _set_all(
    store: VariableStore, updates: dict[str, str], **fields: Any
) -> pb.BatchSetVariablesResponse:
    wired = {name: _wire(text) for name, text in updates.items()}
    return rpcs.set_all(store, pb.BatchSetVariablesRequest(session_id="s", updates=wired, **fields))


def _values(store: VariableStore) -> dict[str, Any]:
    return {record.name: record.value for record, _ in store.look_at_all("s")}


# --- one ----------------------------------------------------------------------------------------


def test_a_registered_variable_has_what_it_was_given() -> None:
    store = VariableStore()

    variable_id = _register(
        store,
        "x",
        '"NaN"',
        type="float",
        constraints_json='{"min": 0}',
        metadata={"why": "start", "source": "python"},
    )

    found = store.find("s", "x")
    assert found.id == variable_id
    assert (repr(found.value), found.type, found.constraints) == ("nan", "float", {"min": 0})
    assert found.metadata == {"created_by": "session_store", "why": "start", "source": "python"}
    assert found.source == "python"


def test_a_variable_without_a_type_follows_its_value() -> None:
    store = VariableStore()
    _register(store, "x", constraints_json="{}")

    assert store.find("s", "x").type == "integer"
    _set(store, "x", '"text"')
    assert store.find("s", "x").type == "string"


def test_a_name_is_registered_once() -> None:
    store = VariableStore()
    _register(store, "x")
    _set(store, "x", "2")

    with pytest.raises(VariableExistsError, match="'x' exists already, at version 1"):
        _register(store, "x")

    assert _values(store) == {"x": 2}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": "flaot"}, "no variable type 'flaot'"),
        ({"type": "string"}, "expects a text"),
        ({"constraints_json": '{"min": 0}'}, "no type that could know them"),
        ({"type": "integer", "constraints_json": '{"mni": 0}'}, "did you mean 'min'"),
        ({"type": "integer", "constraints_json": '{"min": 2}'}, "must be at least 2"),
        ({"type": "integer", "constraints_json": "{"}, "The constraints of variable 'x'"),
        ({"metadata": {"k": "x" * 5000}}, "is too much"),
    ],
)
def test_what_does_not_fit_is_not_registered(fields: dict[str, Any], message: str) -> None:
    store = VariableStore()

    with pytest.raises(InvalidArgumentError, match=message):
        _register(store, "x", **fields)

    assert _values(store) == {}


def test_a_variable_is_read_by_name_or_id() -> None:
    store = VariableStore()
    variable_id = _register(store, "x", "[1]")
    store.claim("s", "x", "mipro")

    for identifier in ("x", variable_id):
        response = rpcs.get(
            store, pb.GetVariableRequest(session_id="s", variable_identifier=identifier)
        )
        assert response.variable.value.value == b"[1]"
        assert response.variable.optimization_status.optimizer_id == "mipro"
        assert not response.from_cache
    with pytest.raises(VariableError):
        rpcs.get(store, pb.GetVariableRequest(session_id="s", variable_identifier="y"))


def test_versions_begin_with_zero_on_the_wire() -> None:
    store = VariableStore()
    variable_id = _register(store, "x")

    assert [_set(store, name, "2") for name in ("x", variable_id)] == [1, 2]


def test_only_a_variable_that_exists_is_set() -> None:
    store = VariableStore()

    with pytest.raises(VariableError):
        _set(store, "x", "1")

    assert _values(store) == {}


def test_a_value_is_set_only_over_the_expected_version() -> None:
    store = VariableStore()
    _register(store, "x")
    _set(store, "x", "2", expected_version=0)
    _set(store, "x", "3", expected_version=1)

    with pytest.raises(VersionConflictError):
        _set(store, "x", "4", expected_version=1)
    with pytest.raises(InvalidArgumentError, match="ever at version -1"):
        _set(store, "x", "4", expected_version=-1)

    assert _values(store) == {"x": 3}


def test_a_new_value_takes_the_form_of_the_declared_type() -> None:
    store = VariableStore()
    _register(store, "x", "true", type="boolean")
    _set(store, "x", '"false"')

    assert _values(store) == {"x": False}


def test_notes_and_source_come_with_a_change() -> None:
    store = VariableStore()
    _register(store, "x")
    _set(store, "x", "2", metadata={"why": "better"})
    _set(store, "x", "3", metadata={"source": "python"})

    now, before, _ = store.history("s", "x")
    assert (now.source, before.source) == ("python", "elixir")
    assert now.metadata["why"] == "better"


def test_a_deleted_variable_is_gone_and_an_unknown_one_an_error() -> None:
    store = VariableStore()
    variable_id = _register(store, "x")
    request = pb.DeleteVariableRequest(session_id="s", variable_identifier=variable_id)

    assert rpcs.delete(store, request).success
    with pytest.raises(VariableError):
        rpcs.delete(store, request)


# --- several ------------------------------------------------------------------------------------


def test_several_variables_are_read_under_the_names_they_were_asked_for_with() -> None:
    store = VariableStore()
    variable_id = _register(store, "x")
    asked = ["x", "no", variable_id, "x", "no"]

    response = rpcs.get_all(
        store, pb.BatchGetVariablesRequest(session_id="s", variable_identifiers=asked)
    )

    assert {key: each.name for key, each in response.variables.items()} == {
        "x": "x",
        variable_id: "x",
    }
    assert list(response.missing_variables) == ["no"]


def test_as_many_as_can_be_are_set() -> None:
    store = VariableStore()
    for name in ("a", "b"):
        _register(store, name, type="integer", constraints_json='{"max": 9}')

    response = _set_all(store, {"a": "2", "b": "10", "c": "1", "d": "{"})

    assert not response.success
    assert dict(response.new_versions) == {"a": 1}
    assert response.errors.keys() == {"b", "c", "d"}
    assert "must be at most 9" in response.errors["b"]
    assert response.errors["c"].startswith("Variable not found: c.")
    assert _values(store) == {"a": 2, "b": 1}


@pytest.mark.parametrize("wrong", ["10", "{"])
def test_all_are_set_or_none(wrong: str) -> None:
    store = VariableStore()
    for name in ("a", "b"):
        _register(store, name, type="integer", constraints_json='{"max": 9}')

    refused = _set_all(store, {"a": "2", "b": wrong}, atomic=True)
    assert not refused.success
    assert refused.errors.keys() == {"b"}
    assert dict(refused.new_versions) == {}
    assert _values(store) == {"a": 1, "b": 1}

    made = _set_all(store, {"a": "2", "b": "3"}, atomic=True, metadata={"why": "both"})
    assert made.success
    assert dict(made.new_versions) == {"a": 1, "b": 1}
    assert _values(store) == {"a": 2, "b": 3}
    assert store.find("s", "b").metadata["why"] == "both"


def test_nothing_to_set_is_no_mistake() -> None:
    assert _set_all(VariableStore(), {}, atomic=True).success


def test_bytes_in_a_batch_need_no_description() -> None:
    store = VariableStore()
    for name in ("a", "b"):
        _register(store, name)
    description = WireValue(value=b'{"type": "embedding", "dtype": "uint8"}')
    request = pb.BatchSetVariablesRequest(
        session_id="s", updates={"a": description}, binary_updates={"a": b"\1\2", "b": b"\1\2"}
    )

    assert rpcs.set_all(store, request).success
    assert _values(store) == {"a": [1.0, 2.0], "b": b"\1\2"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ["a.b", "model_a", "my_model", "other"]),
        ("*", ["a.b", "model_a", "my_model", "other"]),
        ("model", ["model_a", "my_model"]),
        ("m*l", ["model_a", "my_model"]),
        ("*_a*", ["model_a"]),
        ("l*m", []),
        ("a.b", ["a.b"]),
        (".*", ["a.b"]),
        ("[a]", []),
        ("oo", []),
    ],
)
def test_a_pattern_is_text_to_look_for_with_gaps(pattern: str, names: list[str]) -> None:
    store = VariableStore()
    for name in ("other", "model_a", "my_model", "a.b"):
        _register(store, name)

    response = rpcs.list_all(store, pb.ListVariablesRequest(session_id="s", pattern=pattern))

    assert [each.name for each in response.variables] == names


# --- what was -----------------------------------------------------------------------------------


def test_the_history_is_told_from_the_latest_version_on() -> None:
    store = VariableStore()
    _register(store, "x", metadata={"why": "start"})
    _set(store, "x", "2")
    store.set("s", VariableUpdate(name="x", value=b"bytes"))

    def history(limit: int) -> list[Any]:
        request = pb.GetVariableHistoryRequest(session_id="s", variable_identifier="x", limit=limit)
        return list(rpcs.history(store, request).entries)

    entries = history(0)
    assert [each.version for each in entries] == [2, 1, 0]
    assert [each.changed_by for each in entries] == ["python", "elixir", "elixir"]
    assert entries[0].value.value.startswith(b'{"__ffi_unserializable__":true')
    assert entries[2].value.value == b"1"
    assert dict(entries[2].metadata) == {
        "created_by": "session_store",
        "source": "elixir",
        "why": "start",
    }
    assert entries[2].timestamp.seconds > 0
    assert [each.version for each in history(2)] == [2, 1]
    assert len(history(9)) == 3
    with pytest.raises(InvalidArgumentError, match="limit -1 is below 0"):
        history(-1)


def test_a_variable_is_what_it_was() -> None:
    store = VariableStore()
    _register(store, "x", '"first"')
    _set(store, "x", '"second"')

    response = rpcs.roll_back(
        store, pb.RollbackVariableRequest(session_id="s", variable_identifier="x")
    )

    assert response.success
    assert (response.variable.version, response.variable.value.value) == (2, b'"first"')
    with pytest.raises(InvalidArgumentError):
        rpcs.roll_back(
            store,
            pb.RollbackVariableRequest(session_id="s", variable_identifier="x", target_version=3),
        )


# --- who follows, who works ---------------------------------------------------------------------


def test_one_variable_follows_another() -> None:
    store = VariableStore()
    for name in ("a", "b"):
        _register(store, name)
    request = pb.AddDependencyRequest(
        session_id="s", from_variable="a", to_variable="b", dependency_type="data"
    )

    assert rpcs.add_dependency(store, request).success
    with pytest.raises(InvalidArgumentError, match="'b' would depend on itself through 'a'"):
        store.depend("s", "b", "a")


def test_an_optimiser_claims_a_variable_and_lets_it_go() -> None:
    store = VariableStore()
    _register(store, "x", "[1]")
    start = pb.StartOptimizationRequest(
        session_id="s",
        variable_identifier="x",
        optimizer_id="mipro",
        optimizer_config={"trials": "5"},
    )
    stop = pb.StopOptimizationRequest(session_id="s", variable_identifier="x")

    first, again = (rpcs.start_optimization(store, start) for _ in range(2))
    assert first.success
    assert first.optimization_id == again.optimization_id
    claim = store.find("s", "x").claim
    assert claim is not None
    assert claim.config == {"trials": "5"}

    stopped = rpcs.stop_optimization(store, stop)
    assert (stopped.success, stopped.final_value.value) == (True, b"[1]")
    with pytest.raises(WrongCallError):
        rpcs.stop_optimization(store, stop)
    stop.force = True
    assert rpcs.stop_optimization(store, stop).success


def test_a_request_with_a_pattern_takes_time() -> None:
    assert rpcs.has_pattern(pb.RegisterVariableRequest(constraints_json='{"pattern": "a"}'))
    assert not rpcs.has_pattern(pb.RegisterVariableRequest(constraints_json='{"min": 1}'))
    assert not rpcs.has_pattern(pb.GetVariableRequest())
