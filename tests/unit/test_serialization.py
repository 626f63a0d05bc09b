from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from snakepit_bridge import serialization, telemetry


@pytest.fixture(name="serialization_under")
def _serialization_under(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., ModuleType]]:
    """The module as an import under another environment makes it."""

    def imported(**environ: str) -> ModuleType:
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        return importlib.reload(serialization)

    yield imported
    monkeypatch.undo()
    importlib.reload(serialization)


class Opaque:
    def __repr__(self) -> str:
        return "Opaque(token='hunter2', " + "x" * 3000


def test_every_public_name_is_there() -> None:
    assert [name for name in serialization.__all__ if not hasattr(serialization, name)] == []
    assert serialization.BINARY_THRESHOLD == 10_240
    assert serialization.UNSERIALIZABLE_KEY == "__ffi_unserializable__"
    assert serialization.TYPE_KEY == "__type__"
    assert serialization.REPR_KEY == "__repr__"


def test_nothing_of_an_object_is_told_by_default() -> None:
    written, _ = serialization.TypeSerializer.encode_any([Opaque()], "list")

    assert json.loads(written.value) == [
        {"__ffi_unserializable__": True, "__type__": f"{__name__}.Opaque"}
    ]


def test_the_environment_of_the_import_decides(
    serialization_under: Callable[..., ModuleType],
) -> None:
    under = serialization_under(
        SNAKEPIT_UNSERIALIZABLE_DETAIL="repr_redacted_truncated",
        SNAKEPIT_UNSERIALIZABLE_REPR_MAXLEN="40",
        SNAKEPIT_TOLIST_MAX_ELEMENTS="2",
    )

    shown = "Opaque(token='<REDACTED>', xxxxxxxxxxxxx"
    written, _ = under.TypeSerializer.encode_any([Opaque(), memoryview(b"abc")], "list")
    dumped = json.loads(json.dumps([Opaque()], cls=under.GracefulJSONEncoder))
    opaque, block = json.loads(written.value)
    assert opaque["__repr__"] == shown
    assert block["__type__"] == "builtins.memoryview"
    assert dumped[0]["__repr__"] == shown


def test_what_snakepits_own_tests_look_at_is_there(
    serialization_under: Callable[..., ModuleType],
) -> None:
    under = serialization_under(SNAKEPIT_UNSERIALIZABLE_DETAIL="type")
    names = vars(under)

    shown = f"<unserializable {__name__}.Opaque>"
    assert names["_orjson_default"](Opaque())["__repr__"] == shown
    assert names["_unserializable_marker"](Opaque())["__repr__"] == shown
    assert names["_unserializable_detail"](Opaque()) == shown
    assert names["_redact_secrets"]("token='x'") == "token='<REDACTED>'"
    assert names["_MAXLEN"] == 500
    assert names["_EMITTED_MARKER_TYPES_MAX"] == 10_000
    assert f"{__name__}.Opaque" in names["_emitted_marker_types"]


def test_telemetry_is_told_of_the_first_marker_of_a_type(
    serialization_under: Callable[..., ModuleType],
) -> None:
    told: list[object] = []

    class Backend:
        def emit(self, *event: object) -> None:
            told.append(event[:3])

        def close(self) -> None:
            raise NotImplementedError

    before = telemetry.get_backend()
    telemetry.set_backend(Backend())
    try:
        under = serialization_under()
        under.TypeSerializer.encode_any([Opaque(), Opaque()], "list")
        under.tell_of_marker(f"{__name__}.Opaque")
    finally:
        telemetry.set_backend(before)

    event = "snakepit.serialization.unserializable_marker"
    assert told == [(event, {"first_seen": 1}, {"type": f"{__name__}.Opaque"})]
