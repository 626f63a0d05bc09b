from __future__ import annotations

import sys
import threading
from typing import Literal

import pytest
from opentelemetry import trace

from snakepit_bridge.errors import CommandNotFoundError
from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.export import (
    SERVICE_NAME,
    TelemetryMissingError,
    exporting,
    flush_tracing,
    flushed,
    in_memory,
    resource,
    snakepit_resource,
)
from snakepit_bridge.version import __version__

# What makes the providers those of the process is tested by tests/integration/test_serve.py, in
# processes of its own.


def test_spans_are_collected_with_their_place_in_the_tree() -> None:
    with in_memory() as collected:
        with collected.telemetry.span("outer", step=1):
            record = collected.telemetry.command("greet.say", "s", {})
            record.succeeded()
        outer, inner = collected.spans()

    assert (outer.name, inner.name) == ("outer", names.COMMAND_SPAN)
    assert (outer.parent_id, inner.parent_id) == (None, outer.span_id)
    assert outer.trace_id == inner.trace_id
    assert outer.attributes == {"step": 1}
    assert inner.attributes[names.SPAN_COMMAND] == "greet.say"
    assert outer.start_ns <= inner.start_ns
    assert 0 <= inner.duration_ms <= outer.duration_ms
    assert not outer.failed
    assert not inner.failed


def test_a_span_that_failed_says_so() -> None:
    with in_memory() as collected:
        record = collected.telemetry.command("greet.sya", "s", {})
        record.failed(CommandNotFoundError("no"))
        (span,) = collected.spans()

    assert span.failed
    assert span.attributes[names.ERROR_TYPE] == "COMMAND_NOT_FOUND"


def test_counters_and_histograms_are_collected_by_name_and_labels() -> None:
    with in_memory() as collected:
        collected.telemetry.count("b", "success", 2.0)
        collected.telemetry.count("a", "error", 3.0)
        collected.telemetry.count("a", "error", 4.0)
        found = [
            (each.name, each.labels[names.COMMAND], each.value, each.count)
            for each in collected.counts()
        ]

    assert found == [
        (names.COMMAND_DURATION_MS, "a", 7.0, 2),
        (names.COMMAND_DURATION_MS, "b", 2.0, 1),
        (names.COMMANDS_TOTAL, "a", 2, 0),
        (names.COMMANDS_TOTAL, "b", 1, 0),
    ]


def test_nothing_collected_is_nothing() -> None:
    with in_memory() as collected:
        assert collected.spans() == []
        assert collected.counts() == []


def test_collecting_changes_nothing_of_the_process() -> None:
    before = trace.get_tracer_provider()

    with in_memory():
        assert trace.get_tracer_provider() is before


def test_off_changes_nothing_of_the_process() -> None:
    before = trace.get_tracer_provider()

    with exporting("off") as telemetry:
        assert trace.get_tracer_provider() is before
        telemetry.count("a", "success", 1.0)


@pytest.mark.parametrize("destination", ["console", "otlp"])
def test_a_missing_sdk_is_answered_with_how_to_install_it(
    destination: Literal["console", "otlp"], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules, "opentelemetry.sdk"]:
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)

    with pytest.raises(TelemetryMissingError) as caught, exporting(destination):
        raise NotImplementedError
    with pytest.raises(TelemetryMissingError, match="The OpenTelemetry SDK"), in_memory():
        raise NotImplementedError

    assert str(caught.value) == (
        f"What --telemetry {destination} needs is not installed. "
        "Run: pip install 'snakepit-bridge[telemetry]'"
    )


def test_another_missing_module_is_not_mistaken_for_the_sdk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise ModuleNotFoundError(name="something_else")

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics.export", Broken())

    with pytest.raises(ModuleNotFoundError), in_memory():
        raise NotImplementedError


def test_what_is_told_names_the_service_unless_the_environment_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    ours = dict(resource().attributes)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "theirs")

    assert ours["service.name"] == SERVICE_NAME
    assert ours["service.version"] == __version__
    assert resource().attributes["service.name"] == "theirs"


@pytest.mark.parametrize(
    ("environ", "of_otel", "name"),
    [
        ({}, None, "snakepit.python.bridge"),
        ({}, "theirs", "theirs"),
        ({"SNAKEPIT_SERVICE_NAME": "mine"}, "theirs", "mine"),
    ],
)
def test_a_worker_of_snakepit_tells_its_own_name(
    environ: dict[str, str], of_otel: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    if of_otel is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", of_otel)

    attributes = snakepit_resource(environ).attributes

    assert attributes["service.name"] == name
    assert attributes["service.namespace"] == "snakepit"
    assert attributes["service.version"] == __version__


def test_a_worker_of_snakepit_has_an_id_of_its_own_unless_it_is_given_one() -> None:
    given = snakepit_resource({"SNAKEPIT_INSTANCE_ID": "w1"}).attributes["service.instance.id"]
    made_up = [snakepit_resource({}).attributes["service.instance.id"] for _ in range(2)]

    assert given == "w1"
    assert len({*made_up}) == 2


def test_without_an_sdk_there_is_nothing_to_flush() -> None:
    flush_tracing()


def test_a_flush_that_never_ends_is_left_behind() -> None:
    for_ever, done = threading.Event(), threading.Event()

    flushed(for_ever.wait, done.set, timeout_s=0.01)
    for_ever.set()

    assert done.is_set()
