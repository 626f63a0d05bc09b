from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from snakepit_bridge.grpc.standard_services import (
    HEALTH,
    REFLECTION,
    REFLECTION_ALPHA,
    StandardServices,
)
from tests.unit.grpc.fake_context import AbortedError, fake_context

OWN = "snakepit.bridge.BridgeService"

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING


def handler_of(services: StandardServices, method: str) -> Any:
    """What serves an RPC; a server asks in the same way."""
    details: Any = SimpleNamespace(method=method, invocation_metadata=())
    return services.service(details)


async def status_of(services: StandardServices, service: str = "") -> Any:
    check = handler_of(services, f"/{HEALTH}/Check")
    await asyncio.sleep(0)  # between the look-up and the call a server reads the request
    return (await check.unary_unary(HealthCheckRequest(service=service), fake_context())).status


@pytest.mark.parametrize("method", ["/other.Service/Check", f"/{OWN}/Ping", "", "/", "nonsense"])
def test_rpcs_of_other_services_are_left_to_others(method: str) -> None:
    assert handler_of(StandardServices((OWN,)), method) is None


async def test_a_method_that_the_service_has_not_is_none() -> None:
    services = StandardServices((OWN,))

    assert handler_of(services, f"/{HEALTH}/Cure") is None


@pytest.mark.parametrize("service", ["", OWN])
async def test_the_server_and_each_of_its_services_are_serving(service: str) -> None:
    assert await status_of(StandardServices((OWN,)), service) == SERVING


async def test_a_service_that_nobody_knows_has_no_health() -> None:
    with pytest.raises(AbortedError) as caught:
        await status_of(StandardServices((OWN,)), "other.Service")

    assert caught.value.code is grpc.StatusCode.NOT_FOUND


async def test_nothing_is_serving_while_the_server_stops() -> None:
    services = StandardServices((OWN,))
    assert await status_of(services) == SERVING

    await services.enter_graceful_shutdown()

    assert await status_of(services, OWN) == NOT_SERVING


async def test_whoever_asks_first_while_the_server_stops_hears_the_same() -> None:
    services = StandardServices((OWN,))

    await services.enter_graceful_shutdown()

    assert await status_of(services) == NOT_SERVING


@pytest.mark.parametrize("version", [REFLECTION, REFLECTION_ALPHA])
async def test_reflection_lists_what_the_server_has_and_describes_it(version: str) -> None:
    async def questions() -> AsyncIterator[ServerReflectionRequest]:
        yield ServerReflectionRequest(list_services="")
        yield ServerReflectionRequest(file_containing_symbol=HEALTH)

    services = StandardServices((OWN,))
    info = handler_of(services, f"/{version}/ServerReflectionInfo")

    answers: list[ServerReflectionResponse] = [
        answer async for answer in info.stream_stream(questions(), fake_context())
    ]

    listed = {each.name for each in answers[0].list_services_response.service}
    assert listed == {OWN, HEALTH, REFLECTION_ALPHA}
    assert answers[1].file_descriptor_response.file_descriptor_proto


async def test_each_service_is_made_once() -> None:
    services = StandardServices((OWN,))

    first, second = (handler_of(services, f"/{HEALTH}/Check") for _ in range(2))

    assert first.unary_unary.__self__ is second.unary_unary.__self__
