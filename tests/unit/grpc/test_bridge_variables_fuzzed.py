"""Whatever somebody sends is kept or refused; nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.any_pb2 import Any as WireValue
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc import bridge_variables as rpcs
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_refusals import on_the_wire
from snakepit_bridge.session.variable_constraints import APPLICABLE
from snakepit_bridge.session.variable_types import TYPES
from snakepit_bridge.session.variables import VariableStore

TYPE_NAMES = st.sampled_from(["", "flaot", *TYPES])

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["NaN", "Infinity", "raw", "float32", "tensor", "(a|aa)+$"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["shape", "data", "dtype", "binary_format", "type"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
TEXTS = st.binary(max_size=8) | JSON.map(lambda value: json.dumps(value).encode())
LABELS = st.sampled_from(
    ["", "/", "x.binary", *(f"type.googleapis.com/snakepit.{name}" for name in TYPES)]
) | st.sampled_from([f"type.googleapis.com/snakepit.{name}.binary" for name in TYPES])
VALUES = st.builds(WireValue, type_url=LABELS, value=TEXTS)
BYTES = st.just(b"") | st.binary(max_size=16)
CONSTRAINTS = st.just("") | st.dictionaries(
    st.sampled_from(sorted({name for names in APPLICABLE.values() for name in names} | {"x"})),
    JSON,
    max_size=3,
).map(json.dumps)
METADATA = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)


class Sent(NamedTuple):
    """What goes into the fields of requests."""

    type_name: str
    values: tuple[WireValue, WireValue]
    binaries: tuple[bytes, bytes]
    constraints: str
    metadata: dict[str, str]
    version: int


SENT = st.builds(
    Sent,
    type_name=TYPE_NAMES,
    values=st.tuples(VALUES, VALUES),
    binaries=st.tuples(BYTES, BYTES),
    constraints=CONSTRAINTS,
    metadata=METADATA,
    version=st.integers(-2, 2),
)


def _answered(call: Any, store: VariableStore, request: Any) -> Any:
    """The answer, which can be sent; the error, which can be told, if the call is refused."""
    try:
        answer = call(store, request)
    except BridgeError as error:
        return str(on_the_wire(error))
    return answer.SerializeToString()


def _requests(sent: Sent) -> Iterator[tuple[Any, Any]]:
    """A life of a variable."""
    named: Any = {"session_id": "s", "variable_identifier": "x"}
    yield (
        rpcs.register,
        pb.RegisterVariableRequest(
            session_id="s",
            name="x",
            type=sent.type_name,
            initial_value=sent.values[0],
            initial_binary_value=sent.binaries[0],
            constraints_json=sent.constraints,
            metadata=sent.metadata,
        ),
    )
    yield (
        rpcs.set_one,
        pb.SetVariableRequest(
            **named,
            value=sent.values[1],
            binary_value=sent.binaries[1],
            metadata=sent.metadata,
            expected_version=sent.version,
        ),
    )
    yield (
        rpcs.set_all,
        pb.BatchSetVariablesRequest(
            session_id="s",
            updates={"x": sent.values[1]},
            binary_updates={"x": sent.binaries[1]},
        ),
    )
    yield rpcs.roll_back, pb.RollbackVariableRequest(**named, target_version=sent.version)
    yield rpcs.get, pb.GetVariableRequest(**named)
    yield rpcs.history, pb.GetVariableHistoryRequest(**named)
    yield rpcs.list_all, pb.ListVariablesRequest(session_id="s", pattern="*")
    yield rpcs.stop_optimization, pb.StopOptimizationRequest(**named, force=True)
    yield rpcs.delete, pb.DeleteVariableRequest(**named)


@settings(max_examples=200)
@given(SENT)
def test_whatever_is_sent_is_kept_or_refused(sent: Sent) -> None:
    store = VariableStore()

    answers = [_answered(call, store, request) for call, request in _requests(sent)]

    registered, *_, deleted = answers
    assert type(registered) is type(deleted)
    assert all(answer is not None for answer in answers)
    assert store.count("s") == 0
