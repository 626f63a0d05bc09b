from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snakepit_bridge.handlers.discovery import (
    GROUP,
    HandlerLoadError,
    handler_from_path,
    handlers_from_entry_points,
    value_type_from_path,
)
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.values.value_types import VALUE_TYPES, Registered

SHOP = """
    from snakepit_bridge.handlers.registry import handles

    class Shop:
        @handles("shop.open")
        def open(self, session): return "open"

        class Annex:
            @handles("annex.open")
            def open(self, session): return "open, too"

    class NeedsCatalog(Shop):
        def __init__(self, catalog): ...

    class Burning(Shop):
        def __init__(self): raise OSError("fire")

    class Leaving(Shop):
        def __init__(self): raise SystemExit(3)

    class Empty: ...

    class Twice(Shop):
        @handles("shop.open")
        def open_again(self, session): return "open"

    class Anything:
        def can_handle(self, command): return True
        def execute(self, session, args): return args

    shop = Shop()

    @handles("shop.ring")
    def ring(session): return "ding"

    def plain(session): ...
"""

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes modules that can be imported until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(path: str, source: str) -> None:
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(source))

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _commands(handler: object) -> list[str]:
    registry = HandlerRegistry()
    registry.register(handler)
    return [entry.command for entry in registry]


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("shop_of_tests:Shop", ["shop.open"]),
        (" shop_of_tests : Shop ", ["shop.open"]),
        ("shop_of_tests:Shop.Annex", ["annex.open"]),
        ("shop_of_tests:shop", ["shop.open"]),
        ("shop_of_tests:ring", ["shop.ring"]),
        ("shop_of_tests:Anything", []),
    ],
)
def test_a_path_names_a_handler(write: Write, path: str, commands: list[str]) -> None:
    write("shop_of_tests.py", SHOP)

    assert _commands(handler_from_path(path)) == commands


@pytest.mark.parametrize("path", ["", "module", "module:", ":Class", " : "])
def test_what_is_no_path_is_answered_with_the_form_of_one(path: str) -> None:
    with pytest.raises(HandlerLoadError, match="Write module:Class"):
        handler_from_path(path)


@pytest.mark.parametrize("path", ["no_such_module:Shop", "no_such_package.handlers:Shop"])
def test_a_module_that_is_not_there_is_named_with_the_places_searched(path: str) -> None:
    with pytest.raises(HandlerLoadError) as caught:
        handler_from_path(path)

    text = str(caught.value)
    assert f"There is no module {path.partition(':')[0].partition('.')[0]!r}" in text
    assert sys.path[0] in text
    assert "PYTHONPATH" in text


def test_few_places_are_listed_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "elsewhere"])

    with pytest.raises(HandlerLoadError, match="looked in the working directory, elsewhere\\."):
        handler_from_path("no_such_module:Shop")


def test_many_places_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [f"place{number}" for number in range(20)])

    with pytest.raises(HandlerLoadError, match=r"place0, .*place7 and 12 more"):
        handler_from_path("no_such_module:Shop")


def test_a_module_that_misses_another_one_is_not_called_missing_itself(write: Write) -> None:
    write("needy_module.py", "import no_such_dependency")

    with pytest.raises(HandlerLoadError) as caught:
        handler_from_path("needy_module:Shop")

    assert "'needy_module' of the handler" in str(caught.value)
    assert "no_such_dependency" in str(caught.value)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division"),
        ("def", "SyntaxError"),
        ("exit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(write: Write, source: str, reason: str) -> None:
    write("broken_module.py", source)

    with pytest.raises(HandlerLoadError, match=reason) as caught:
        handler_from_path("broken_module:Shop")
    assert "python -c 'import broken_module'" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("shop_of_tests:Shpo", "'shop_of_tests' has no 'Shpo'.*Did you mean 'Shop'"),
        ("shop_of_tests:Shop.Anex", "'Shop' has no 'Anex'.*Did you mean 'Annex'"),
        ("shop_of_tests:zzzzzz", "It has: .*Shop"),
        ("shop_of_tests:NeedsCatalog", "NeedsCatalog.*catalog.*make the object"),
        ("shop_of_tests:Burning", "Burning.*OSError: fire"),
        ("shop_of_tests:Leaving", "Leaving.*SystemExit: 3"),
        ("shop_of_tests:Empty", "'shop_of_tests:Empty' cannot be registered.*no @handles"),
        ("shop_of_tests:plain", "'shop_of_tests:plain' cannot be registered"),
        ("shop_of_tests:Twice", "'shop.open' has two methods"),
    ],
)
def test_what_is_no_handler_says_why(write: Write, path: str, reason: str) -> None:
    write("shop_of_tests.py", SHOP)

    with pytest.raises(HandlerLoadError, match=reason) as caught:
        handler_from_path(path)
    assert isinstance(caught.value, ValueError)


# --- entry points -----------------------------------------------------------------------------


def _distribution(write: Write, name: str, entry_points: str) -> None:
    folder = f"{name.replace('-', '_')}-2.5.dist-info"
    write(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    write(f"{folder}/entry_points.txt", f"[{GROUP}]\n{entry_points}")


def test_installed_distributions_offer_handlers(write: Write) -> None:
    write("shop_of_tests.py", SHOP)
    _distribution(
        write, "shop-of-tests", "b = shop_of_tests:ring\na = shop_of_tests:Shop [extra]\n"
    )

    handlers = handlers_from_entry_points()

    assert [_commands(handler) for handler in handlers] == [["shop.open"], ["shop.ring"]]


def test_without_distributions_there_are_no_handlers() -> None:
    assert handlers_from_entry_points("nobody.uses.this.group") == []


@pytest.mark.parametrize("value", ["no_such_module:Shop", "shop_of_tests:Burning", "shop_of_tests"])
def test_a_handler_that_cannot_be_had_names_its_distribution(write: Write, value: str) -> None:
    write("shop_of_tests.py", SHOP)
    _distribution(write, "shop-of-tests", f"shop = {value}\n")

    with pytest.raises(HandlerLoadError) as caught:
        handlers_from_entry_points()

    assert "'shop' of shop-of-tests 2.5" in str(caught.value)
    assert value in str(caught.value)
    assert "uninstall it" in str(caught.value)


COINS = """
    import enum

    class Coin(enum.Enum):
        PENNY = 1

    class Purse: ...

    penny = Coin.PENNY
"""


def test_a_type_of_values_is_registered_by_its_path(write: Write) -> None:
    write("coins.py", COINS)

    kind = value_type_from_path("coins:Coin")

    assert VALUE_TYPES.build(Registered("coins.Coin", 1)) is kind(1)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("coins", "is not the path of a type"),
        ("coins:penny", "is no class"),
        ("coins:Purse", "no Enum, dataclass"),
        ("coins:Wallet", "Wallet"),
        ("no_such_module:Coin", "for the type 'no_such_module:Coin'"),
        ("coins:Nope", "which the type 'coins:Nope' names"),
    ],
)
def test_what_cannot_be_a_type_of_values_is_told_at_start(
    write: Write, path: str, why: str
) -> None:
    write("coins.py", COINS)

    with pytest.raises(HandlerLoadError, match=why):
        value_type_from_path(path)
