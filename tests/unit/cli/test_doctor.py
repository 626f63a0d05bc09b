from __future__ import annotations

import json

import pytest

from snakepit_bridge.cli.doctor import in_force
from snakepit_bridge.settings import Settings, all_settings


def test_every_setting_in_force_is_told_with_its_source() -> None:
    settings = Settings.load({"port": "0", "allow": ("a", "b")}, environ={})

    told = in_force(settings)

    assert list(told) == list(all_settings())
    assert told["port"] == {"value": "0", "source": "--port"}
    assert told["allow"] == {"value": "a, b", "source": "--allow"}
    assert told["uds"] == {"value": "", "source": "default"}
    json.dumps(told)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://user:s3cret@models.example/v1", "https://***@models.example/v1"),
        ("https://s3cret@models.example", "https://***@models.example"),
        ("https://models.example/a@b", "https://models.example/a@b"),
    ],
)
def test_what_may_be_a_password_is_masked(given: str, shown: str) -> None:
    settings = Settings(allow_api_base=(given,))

    assert in_force(settings)["allow_api_base"]["value"] == shown
