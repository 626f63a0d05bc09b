from __future__ import annotations

import pytest

from snakepit_bridge import client


def test_every_public_name_resolves() -> None:
    assert [name for name in client.__all__ if getattr(client, name, None) is None] == []
    assert set(client.__all__) <= set(dir(client))


def test_a_name_that_does_not_exist_is_an_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cleint'"):
        getattr(client, "Cleint")  # noqa: B009  (the type checker knows that there is none)
