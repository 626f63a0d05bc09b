from __future__ import annotations

from datetime import UTC, datetime

import pytest

from snakepit_bridge.errors import ErrorCode, InvalidArgumentError, WrongCallError
from snakepit_bridge.session.variable_claims import claiming, releasing
from snakepit_bridge.session.variable_records import Claim

AT = datetime(2030, 1, 1, tzinfo=UTC)


def _claim(optimizer_id: str, number: int = 1, **config: str) -> Claim:
    return Claim(id=f"opt_{number}", optimizer_id=optimizer_id, started_at=AT, config=config)


def test_a_free_variable_is_claimed() -> None:
    claim = _claim("mipro")

    assert claiming("x", claim)(None) is claim


def test_an_optimiser_that_asks_again_keeps_its_claim() -> None:
    first = _claim("mipro")

    assert claiming("x", _claim("mipro", 2))(first) is first


def test_another_optimiser_has_to_wait() -> None:
    with pytest.raises(WrongCallError) as caught:
        claiming("x", _claim("gepa"))(_claim("mipro"))

    assert caught.value.code is ErrorCode.WRONG_CALL
    assert caught.value.message == "Optimiser 'mipro' works on variable 'x' already."
    assert caught.value.details["optimization_id"] == "opt_1"


def test_an_optimiser_has_a_name() -> None:
    with pytest.raises(InvalidArgumentError, match="no name"):
        claiming("x", _claim(""))


def test_the_configuration_of_an_optimiser_is_short() -> None:
    with pytest.raises(InvalidArgumentError, match="too much"):
        claiming("x", _claim("mipro", text="a" * 5000))


def test_a_claim_is_released() -> None:
    assert releasing("x", force=False)(_claim("mipro")) is None


def test_what_nobody_has_claimed_is_released_by_force_only() -> None:
    assert releasing("x", force=True)(None) is None
    with pytest.raises(WrongCallError, match="No optimiser works on variable 'x'"):
        releasing("x", force=False)(None)
