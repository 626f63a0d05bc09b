from __future__ import annotations

import inspect

import pytest

from snakepit_bridge.adapters.showcase.toolbox import Toolbox
from tests.unit.adapters.showcase.request import Request, no_wait

INVENTORY = """
    ping echo add error_demo adapter_info telemetry_demo serialization_demo
    init_session cleanup set_counter get_counter increment_counter get_worker_info
    create_tensor create_embedding benchmark_encoding
    stream_data stream_progress stream_fibonacci generate_dataset infinite_stream
    cpu_bound_task sleep_task lightweight_task get_pool_stats
    load_sample_data preprocess_data generate_features select_features train_model cross_validate
    predict_single predict_batch_with_embeddings
"""

DEFAULTS = {
    "ping": {"message": "pong"},
    "error_demo": {"error_type": "generic"},
    "telemetry_demo": {"operation": "compute", "delay_ms": 100},
    "serialization_demo": {"demo_type": "all"},
    "create_tensor": {"size_bytes": None},
    "benchmark_encoding": {"start_kb": 1, "end_kb": 100, "step_kb": 10},
    "stream_data": {"count": 5, "delay": 1.0},
    "stream_progress": {"steps": 10, "delay_ms": 500},
    "stream_fibonacci": {"count": 20},
    "generate_dataset": {"rows": 1000, "chunk_size": 100},
    "infinite_stream": {"delay_ms": 500},
}


def test_every_tool_that_snakepit_names_is_there() -> None:
    assert Toolbox().functions.keys() == set(INVENTORY.split())


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_those_of_snakepit(name: str) -> None:
    parameters = inspect.signature(Toolbox().functions[name]).parameters.values()

    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    assert defaults == DEFAULTS[name]


def test_what_is_remembered_of_a_session_can_be_forgotten() -> None:
    toolbox = Toolbox(no_wait)
    call = toolbox.functions
    call["set_counter"](Request(), value=3)
    call["load_sample_data"](Request(), dataset="iris", split=1)

    toolbox.forget("a")

    assert call["get_counter"](Request()) == {"value": 0}
    with pytest.raises(ValueError, match="load_sample_data"):
        call["select_features"](Request(), method="x", k_best=1)
