from __future__ import annotations

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.transport.envelope import Envelope
from snakepit_bridge.transport.options import Options, options_of, usual_options


@pytest.mark.parametrize("metadata", [{}, {"correlation_id": "x"}])
def test_who_asks_for_nothing_gets_what_is_usual(metadata: dict[str, str]) -> None:
    assert options_of(Envelope(command="x", metadata=metadata)) is None


@pytest.mark.parametrize(
    ("encoding", "usual"),
    [
        ("", Options()),
        ("json", Options()),
        ("tagged", Options(refs=True, binary=True)),
        ("msgpack", Options(refs=True, binary=True)),
    ],
)
def test_what_is_usual_depends_on_the_encoding(encoding: str, usual: Options) -> None:
    assert usual_options(encoding) == usual


@pytest.mark.parametrize(
    ("encoding", "wish", "options"),
    [
        ("json", {"refs": "on"}, Options(refs=True)),
        ("json", {"snakepit-arrays": "binary"}, Options(binary=True)),
        ("msgpack", {"refs": "off"}, Options(binary=True)),
        ("msgpack", {"snakepit-blobs": "shared"}, Options(refs=True, binary=True, shared=True)),
        ("tagged", {"snakepit-arrays": "text"}, Options(refs=True)),
        ("tagged", {"refs": "on", "snakepit-blobs": "in-band"}, Options(refs=True, binary=True)),
    ],
)
def test_a_wish_changes_what_it_names(
    encoding: str, wish: dict[str, str], options: Options
) -> None:
    assert options_of(Envelope(command="x", encoding=encoding, metadata=wish)) == options


@pytest.mark.parametrize("key", ["refs", "snakepit-arrays", "snakepit-blobs"])
def test_a_wish_that_does_not_exist_is_refused(key: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"'{key}' cannot be 'maybe'") as caught:
        options_of(Envelope(command="x", metadata={key: "maybe"}))

    assert " or " in caught.value.hint or ", " in caught.value.hint
