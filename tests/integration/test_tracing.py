"""Where the spans of a process go, tried in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.architecture.source_tree import ROOT

PROGRAM = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")
from snakepit_bridge import telemetry
telemetry.setup_tracing()
telemetry.setup_tracing()
with telemetry.otel_span("step", context_metadata={"x-snakepit-correlation-id": "sp-1"}) as span:
    pass
print("recorded" if span is not None else "not recorded", "opentelemetry.sdk" in sys.modules)
"""

EXPORTER = """
import sys, types
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
class OTLPSpanExporter(SpanExporter):
    def __init__(self, endpoint):
        self.endpoint = endpoint
    def export(self, spans):
        for span in spans:
            print("to", self.endpoint, span.name, flush=True)
        return SpanExportResult.SUCCESS
    def shutdown(self):
        pass
    def force_flush(self, timeout_millis=0):
        return True
module = types.ModuleType("fake")
module.OTLPSpanExporter = OTLPSpanExporter
sys.modules["opentelemetry.exporter.otlp.proto.http.trace_exporter"] = module
"""
"""Stands for the exporter over HTTP, which is installed separately."""

NO_EXPORTER = """
import sys
sys.modules["opentelemetry.exporter.otlp.proto.http.trace_exporter"] = None
"""

OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
provider = TracerProvider()
trace.set_tracer_provider(provider)
"""

ENDS_AT_ONCE = """
import os
from snakepit_bridge.telemetry.export import flush_tracing
flush_tracing()
os._exit(0)
"""


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEPIT_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.defect("D37")
@pytest.mark.parametrize("console", [{}, {"SNAKEPIT_OTEL_CONSOLE": "0"}])
def test_nothing_is_traced_and_nothing_loaded_unless_it_is_asked_for(
    console: dict[str, str],
) -> None:
    done = run(PROGRAM, **console)

    assert done.stdout == "not recorded False\n"
    assert done.stderr == ""


@pytest.mark.defect("D37")
def test_the_console_is_stderr() -> None:
    done = run(PROGRAM, SNAKEPIT_OTEL_CONSOLE="Yes", SNAKEPIT_SERVICE_NAME="mine")

    span = json.loads(done.stderr)
    assert done.stdout == "recorded True\n"
    assert span["name"] == "step"
    assert span["attributes"] == {"snakepit.correlation_id": "sp-1"}
    assert span["resource"]["attributes"]["service.name"] == "mine"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/else/where", "http://127.0.0.1:4318/else/where"),
    ],
)
def test_an_endpoint_is_the_url_of_a_collector(endpoint: str, url: str) -> None:
    done = run(EXPORTER + PROGRAM, SNAKEPIT_OTEL_ENDPOINT=endpoint, SNAKEPIT_OTEL_CONSOLE="1")

    assert done.stdout == f"recorded True\nto {url} step\n"
    assert done.stderr == ""


def test_what_waits_is_sent_before_a_process_ends_at_once() -> None:
    endpoint = "http://127.0.0.1:4318/x"

    done = run(EXPORTER + PROGRAM + ENDS_AT_ONCE, SNAKEPIT_OTEL_ENDPOINT=endpoint)

    assert f"to {endpoint} step" in done.stdout


def test_a_missing_exporter_is_told_and_stops_nothing() -> None:
    done = run(NO_EXPORTER + PROGRAM, SNAKEPIT_OTEL_ENDPOINT="http://127.0.0.1:4318")

    warning, outcome = done.stdout.splitlines()[0], done.stdout.splitlines()[-1]
    assert warning.startswith("WARNING snakepit_bridge.telemetry.export spans are not exported")
    assert "pip install 'snakepit-bridge[telemetry]'" in warning
    assert outcome == "not recorded True"


def test_a_process_that_traces_already_is_left_as_it_is() -> None:
    check = "\nassert trace.get_tracer_provider() is provider"

    done = run(OWN_PROVIDER + PROGRAM + check, SNAKEPIT_OTEL_CONSOLE="1")

    assert done.stdout == "recorded True\n"
    assert done.stderr == ""
