from __future__ import annotations

import functools
import math
import operator
from collections import Counter, OrderedDict
from decimal import Decimal
from types import MethodType
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.errors import NotAllowedError
from snakepit_bridge.handlers.python.origins import Origins, owner_of
from snakepit_bridge.handlers.python.places import Places


def origins(*allow: str, code_execution: bool = False) -> Origins:
    return Origins(Places(allow, code_execution=code_execution))


pd: Any = pytest.importorskip("pandas")  # ships no types


class Mixed(Counter[str]):
    upper = str.upper
    later = functools.partialmethod(dict.update, a=1)
    add = operator.add


HERE = __name__


@pytest.mark.parametrize(
    ("thing", "package"),
    [
        (np.array, "numpy"),
        (np.sin, "numpy"),
        (np.linalg.norm, "numpy"),
        (np.float64, "numpy"),
        (np.random.rand, "numpy"),
        (np.ndarray.sum, "numpy"),
        (np.arange(3).sum, "numpy"),
        (np.arange(3).__len__, "numpy"),
        (np.ndarray.__len__, "numpy"),
        (pd.Timestamp.now, "pandas"),
        (pd.DataFrame({"a": [1]}).sum, "pandas"),
        (math.sqrt, "math"),
        (math, "math"),
        (operator.add, "operator"),
        (Counter, "collections"),
        (Counter("a").most_common, "collections"),
        (Counter("a").items, "collections"),
        (OrderedDict.fromkeys, "collections"),
        (functools.partial(math.sqrt), "math"),
        (functools.lru_cache(math.sqrt), "math"),
        (staticmethod(math.sqrt), "math"),
        (MethodType(math.sqrt, 4), "math"),
    ],
)
def test_a_thing_belongs_to_the_package_that_defines_it(thing: Any, package: str) -> None:
    origins(package).check(thing, "it")

    with pytest.raises(NotAllowedError):
        origins("somewhere").check(thing, "it")


@pytest.mark.parametrize("thing", [1, "a", [1], None, {}.keys(), ValueError("x"), Decimal(1), int])
def test_plain_data_belong_to_everybody(thing: Any) -> None:
    origins().check(thing, "it")


@pytest.mark.parametrize("thing", [type, print, "x".format, str.format, str.format_map])
def test_builtins_that_reach_further_do_not(thing: Any) -> None:
    with pytest.raises(NotAllowedError):
        origins("builtins").check(thing, "it")
    origins("builtins", code_execution=True).check(thing, "it")


def test_a_class_vouches_only_for_what_is_its_own() -> None:
    ours = origins(HERE)

    for name, is_ours in (("upper", True), ("later", True), ("add", False), ("items", True)):
        owner = owner_of(Mixed, name)
        assert owner is not None
        if is_ours:
            ours.check_member(owner, vars(owner)[name], name)
        else:
            with pytest.raises(NotAllowedError):
                ours.check_member(owner, vars(owner)[name], name)


def test_what_a_foreign_base_hands_on_is_refused_with_its_package() -> None:
    with pytest.raises(NotAllowedError, match="--allow collections"):
        origins(HERE).check_member(Counter, Counter.most_common, "most_common")
