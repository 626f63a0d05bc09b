from __future__ import annotations

import pytest

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError
from snakepit_bridge.leases.limits import MAX_LEASES
from snakepit_bridge.leases.quota import Quota


def test_bytes_are_counted_until_they_are_given_back() -> None:
    quota = Quota(10)
    quota.take(6)

    with pytest.raises(QuotaExceededError, match="5 bytes do not fit beside the 6") as caught:
        quota.take(5)
    quota.give_back(6)
    quota.take(10)

    assert caught.value.retryable
    assert caught.value.details["taken"] == 6
    assert "--max-blob-bytes" in caught.value.hint


def test_what_never_fits_is_not_worth_another_try() -> None:
    with pytest.raises(QuotaExceededError, match="11 bytes are more than may be kept") as caught:
        Quota(10).take(11)

    assert not caught.value.retryable


def test_a_size_below_zero_is_no_size() -> None:
    with pytest.raises(InvalidArgumentError, match="-1 bytes"):
        Quota(10).take(-1)


def test_there_are_only_so_many_however_small() -> None:
    quota = Quota(10)
    for _ in range(MAX_LEASES):
        quota.take(0)

    with pytest.raises(QuotaExceededError, match="1000 handles"):
        quota.take(0)
    quota.give_back(0)
    quota.take(0)
