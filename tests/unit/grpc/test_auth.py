from __future__ import annotations

from typing import Any

import grpc
import pytest

from snakepit_bridge.grpc.auth import TokenInterceptor

EXECUTE = "/snakepit.SnakepitBridge/Execute"


class Call(grpc.HandlerCallDetails):
    """A call that comes in."""

    def __init__(self, method: str, *metadata: tuple[str, str | bytes]) -> None:
        self.method = method
        self.invocation_metadata = metadata


async def _is_let_in(call: Call, *tokens: str) -> bool:
    wanted: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(lambda *_: None)

    async def go_on(details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        assert details is call
        return wanted

    return await TokenInterceptor(tokens).intercept_service(go_on, call) is wanted


@pytest.mark.parametrize("token", ["first", "second"])
async def test_any_of_the_tokens_opens(token: str) -> None:
    call = Call(EXECUTE, ("user-agent", "x"), ("authorization", f"Bearer {token}"))

    assert await _is_let_in(call, "first", "second")


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "first",
        "Bearer",
        "Bearer ",
        "Bearer  first",
        "Bearer firs",
        "Bearer first ",
        "Basic first",
    ],
)
async def test_nothing_else_does(shown: str) -> None:
    assert not await _is_let_in(Call(EXECUTE, ("authorization", shown)), "first")


async def test_without_a_token_there_is_no_way_in() -> None:
    assert not await _is_let_in(Call(EXECUTE), "first")


async def test_only_the_first_of_several_headers_counts() -> None:
    call = Call(EXECUTE, ("authorization", "Bearer no"), ("authorization", "Bearer first"))

    assert not await _is_let_in(call, "first")


async def test_a_token_may_come_as_bytes() -> None:
    assert await _is_let_in(Call(EXECUTE, ("authorization", b"Bearer first")), "first")


async def test_health_is_asked_without_a_token_and_nothing_that_looks_like_it() -> None:
    assert await _is_let_in(Call("/grpc.health.v1.Health/Check"), "first")
    assert await _is_let_in(Call("/grpc.health.v1.Health/Watch"), "first")
    assert not await _is_let_in(Call("/grpc.health.v1.HealthX/Check"), "first")
    assert not await _is_let_in(Call("/grpc.reflection.v1alpha.ServerReflection/Info"), "first")


async def test_whoever_is_not_let_in_is_not_read_either() -> None:
    """A handler for one request once waited for it, for ever if none came."""

    async def go_on(_: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        raise NotImplementedError

    handler = await TokenInterceptor(["first"]).intercept_service(go_on, Call(EXECUTE))

    assert handler is not None
    assert handler.request_streaming
    assert handler.response_streaming
