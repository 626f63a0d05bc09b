from __future__ import annotations

import pytest

from snakepit_bridge.grpc.connection import check_target


@pytest.mark.parametrize(
    "target", ["127.0.0.1:50051", "localhost:1", "[::1]:50051", "unix:/run/b.sock", "dns:///b:1"]
)
def test_what_grpc_understands_is_a_target(target: str) -> None:
    check_target(target)


@pytest.mark.parametrize(
    "target", ["127.0.0.1", "127.0.0.1:99999", "b:0", "b:http", "http://b:50051", ":50051", 50051]
)
def test_what_grpc_would_take_for_something_else_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        check_target(target)
