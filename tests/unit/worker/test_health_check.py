from __future__ import annotations

import logging
import sys

import pytest

from snakepit_bridge.worker.environment import SHOWCASE
from snakepit_bridge.worker.exit_codes import ExitCode
from snakepit_bridge.worker.health_check import health_check


def test_an_adapter_that_can_be_imported_is_healthy() -> None:
    assert health_check(SHOWCASE, threaded=False) is ExitCode.DONE


@pytest.mark.parametrize("adapter", ["nowhere.Adapter", "json.JSONDecodr"])
def test_an_adapter_that_cannot_be_imported_is_told(
    adapter: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert health_check(adapter, threaded=False) is ExitCode.CANNOT_START
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert adapter.rpartition(".")[0] in record.getMessage()


def test_a_class_that_no_call_could_reach_is_not_healthy(caplog: pytest.LogCaptureFixture) -> None:
    assert health_check("json.JSONDecoder", threaded=False) is ExitCode.CANNOT_START
    assert "JSONDecoder has no tools" in caplog.text


def test_an_interpreter_without_grpc_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)

    assert health_check(SHOWCASE, threaded=False) is ExitCode.CANNOT_START
    assert "grpc" in caplog.text
