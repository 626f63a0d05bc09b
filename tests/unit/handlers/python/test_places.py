from __future__ import annotations

import pytest

from snakepit_bridge.handlers.python import library, rules
from snakepit_bridge.handlers.python.places import Places, home_of


@pytest.mark.parametrize(
    ("module", "home"),
    [
        ("_operator", "operator"),
        ("_io", "io"),
        ("_pickle", "pickle"),
        ("posixpath", "os.path"),
        ("posix", "os"),
        ("_sha512", "hashlib"),
        ("_thread", "threading"),
        ("numpy._core", "numpy._core"),
        ("_private", "_private"),
        ("collections.abc", "collections.abc"),
    ],
)
def test_the_c_half_of_a_module_is_that_module(module: str, home: str) -> None:
    assert home_of(module) == home


def test_a_package_covers_what_lies_under_it() -> None:
    places = Places(["numpy", "mylib.sub"], code_execution=False)

    for module in ("numpy", "numpy.linalg", "mylib.sub", "mylib.sub.deeper"):
        assert places.opens(module)
    for module in ("numpyish", "mylib", "mylib.other", "numpy.f2py", "numpy.f2py.crackfortran"):
        assert not places.opens(module)
    assert places.leads_somewhere("mylib")
    assert not places.leads_somewhere("mylib.other")


def test_what_runs_code_needs_both_settings() -> None:
    assert not Places(["os"], code_execution=False).opens("posix")
    assert not Places([], code_execution=True).opens("os")
    assert Places(["os"], code_execution=True).opens("posix")
    assert Places(["os.path"], code_execution=False).opens("posixpath")
    assert not Places(["os.path"], code_execution=False).opens("os")


def test_dspy_is_never_open_here() -> None:
    places = Places(["dspy"], code_execution=True)

    assert not places.opens("dspy.predict")
    assert "'dspy.*' commands" in places.refusal("dspy.predict", "dspy.Predict").hint


@pytest.mark.parametrize(
    ("allowed", "module", "hint"),
    [
        ([], "mylib.sub", "The operator allows it with --allow mylib.sub."),
        ([], "mylib._inner.more", "The operator allows it with --allow mylib."),
        ([], "_mine", ""),
        ([], "posix", "The operator allows that with --allow os --allow-code-execution."),
        (["os"], "posix", "The operator allows that with --allow-code-execution."),
    ],
)
def test_a_refusal_names_the_setting(allowed: list[str], module: str, hint: str) -> None:
    assert Places(allowed, code_execution=False).refusal(module, "x").hint == hint


def test_rules_are_about_packages_by_their_first_name() -> None:
    areas = {*rules.NAMES, *rules.CALLS_BY_NAME, *(rule.area for rule in rules.ARGUMENTS)}

    assert not [area for area in areas if "." in area or home_of(area) != area]
    assert {"eval", "exec", "open", "getattr", "type", "__import__"}.isdisjoint(library.BUILTINS)
