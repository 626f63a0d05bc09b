from __future__ import annotations

import array
import datetime
import decimal
import fractions
from typing import Any, NoReturn
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.detail import Detail
from snakepit_bridge.values.fallback import Fallback, NoFallback, fallback_from
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import CannotWriteError


def _marker(type_name: str) -> dict[str, Any]:
    return {"__ffi_unserializable__": True, "__type__": type_name}


class Everything:
    """Has every converter; the tests take away the first ones."""

    def model_dump(self) -> str:
        return "model_dump"

    def to_dict(self) -> str:
        return "to_dict"

    def _asdict(self) -> str:
        return "_asdict"

    def tolist(self) -> str:
        return "tolist"

    def isoformat(self) -> str:
        return "isoformat"


class FakeArray:
    """An array as numpy has them: it tells its size, and what its elements are."""

    dtype = "float64"

    def __init__(self, rows: object, size: int) -> None:
        self._rows = rows
        self.size = size
        self.was_converted = False

    def tolist(self) -> object:
        self.was_converted = True
        return self._rows


class FakeSeries(FakeArray):
    """A column as pandas has them."""

    @property
    def values(self) -> NoReturn:
        raise NotImplementedError


class FakeSparseMatrix:
    """A sparse matrix: ``size`` counts the elements that are not zero, and ``nnz`` says so."""

    nnz = 2
    size = 2

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def tolist(self) -> list[int]:
        return [0, 1]


CONVERTERS = ["model_dump", "to_dict", "_asdict", "tolist", "isoformat"]


@pytest.mark.parametrize("first", range(len(CONVERTERS)))
def test_the_converters_are_asked_in_their_order(first: int) -> None:
    class Later(Everything):
        pass

    for name in CONVERTERS[:first]:
        setattr(Later, name, None)

    assert Fallback().convert(Later()) == CONVERTERS[first]


def test_a_converter_that_raises_is_passed_over() -> None:
    class Picky(Everything):
        def model_dump(self) -> NoReturn:
            raise RuntimeError

        def to_dict(self) -> NoReturn:
            raise MemoryError

    assert Fallback().convert(Picky()) == "_asdict"


def test_a_converter_that_wants_arguments_is_passed_over() -> None:
    class Demanding:
        def to_dict(self, orient: str) -> NoReturn:
            raise NotImplementedError

        def isoformat(self) -> str:
            return "2026-01-11"

    assert Fallback().convert(Demanding()) == "2026-01-11"


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        ({1, 2}, "builtins.set"),
        (frozenset({1}), "builtins.frozenset"),
        (b"hi", "builtins.bytes"),
        (bytearray(b"hi"), "builtins.bytearray"),
        (1j, "builtins.complex"),
        (range(3), "builtins.range"),
        (decimal.Decimal("1.10"), "decimal.Decimal"),
        (fractions.Fraction(1, 3), "fractions.Fraction"),
        (datetime.timedelta(days=1), "datetime.timedelta"),
        (object(), "builtins.object"),
        (len, "builtins.builtin_function_or_method"),
    ],
)
def test_what_has_no_simpler_form_becomes_the_marker(value: object, type_name: str) -> None:
    assert Fallback().convert(value) == _marker(type_name)


def test_the_marker_never_asks_for_a_repr() -> None:
    class Secretive:
        def __repr__(self) -> NoReturn:
            raise NotImplementedError

    marker = Fallback().convert(Secretive())

    assert marker.keys() == {"__ffi_unserializable__", "__type__"}
    assert marker["__type__"].startswith(f"{__name__}.")
    assert marker["__type__"].endswith("Secretive")


def test_a_class_is_no_instance_of_itself() -> None:
    class Model:
        @classmethod
        def to_dict(cls) -> NoReturn:
            raise NotImplementedError

    assert Fallback().convert(Model) == _marker("builtins.type")


def test_an_object_that_answers_to_every_name_is_not_believed() -> None:
    assert Fallback().convert(MagicMock()) == _marker("unittest.mock.MagicMock")


@pytest.mark.parametrize(
    ("value", "simpler"),
    [(array.array("d", [1.5, 2.5]), [1.5, 2.5]), (memoryview(b"hi"), [104, 105])],
)
def test_arrays_of_the_standard_library_become_lists(value: object, simpler: object) -> None:
    assert Fallback().convert(value) == simpler


@pytest.mark.parametrize("kind", [FakeArray, FakeSeries])
def test_an_array_of_just_the_limit_becomes_nested_lists(kind: type[FakeArray]) -> None:
    fallback = Fallback(max_tolist_elements=6)

    assert fallback.convert(kind([[1, 2, 3], [4, 5, 6]], size=6)) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("kind", [FakeArray, FakeSeries])
def test_an_array_beyond_the_limit_is_not_even_converted(kind: type[FakeArray]) -> None:
    values = kind([], size=7)

    assert Fallback(max_tolist_elements=6).convert(values) == _marker(f"{__name__}.{kind.__name__}")
    assert not values.was_converted


def test_a_sparse_matrix_counts_with_all_its_zeros() -> None:
    fallback = Fallback(max_tolist_elements=6)

    assert fallback.convert(FakeSparseMatrix(2, 3)) == [0, 1]
    assert fallback.convert(FakeSparseMatrix(2, 4)) == _marker(f"{__name__}.FakeSparseMatrix")


@pytest.mark.parametrize("rows", [[[1, 2, 3], [4, 5, 6, 7]], list(range(7)), [[[[1]] * 7]]])
def test_elements_are_counted_where_an_object_does_not_tell(rows: list[object]) -> None:
    class Opaque:
        def tolist(self) -> list[object]:
            return rows

    assert Fallback(max_tolist_elements=7).convert(Opaque()) == rows
    assert "__type__" in Fallback(max_tolist_elements=6).convert(Opaque())


def test_a_scalar_of_an_array_library_becomes_its_number() -> None:
    assert Fallback(max_tolist_elements=0).convert(FakeArray(1.5, size=0)) == 1.5
    assert Fallback(max_tolist_elements=0).convert(np.float32(1.5)) == 1.5


def test_a_tensor_whose_size_is_a_method_is_measured_by_its_shape() -> None:
    class Tensor(FakeArray):
        shape = (2, 3)

        def size(self) -> NoReturn:  # type: ignore[override]  # as torch has it
            raise NotImplementedError

        def __init__(self) -> None:
            self._rows = [[1, 2, 3], [4, 5, 6]]

    assert Fallback(max_tolist_elements=6).convert(Tensor()) == [[1, 2, 3], [4, 5, 6]]
    assert "__type__" in Fallback(max_tolist_elements=5).convert(Tensor())


def test_a_large_block_of_memory_is_not_even_converted() -> None:
    assert Fallback(max_tolist_elements=2).convert(memoryview(b"hi")) == [104, 105]
    assert Fallback(max_tolist_elements=1).convert(memoryview(b"hi")) == _marker(
        "builtins.memoryview"
    )


def test_a_form_of_the_same_type_is_no_simpler_form() -> None:
    """numpy's floats of 128 bits answer ``tolist`` with themselves, for ever."""
    assert Fallback().convert(np.longdouble(1.5)) == _marker("numpy.longdouble")


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        (Detail.TYPE, "<unserializable builtins.set>"),
        (Detail.REPR, "{'tok"),
        (Detail.REDACTED_REPR, "{'tok"),
    ],
)
def test_the_marker_tells_what_it_is_allowed_to(detail: Detail, shown: str) -> None:
    fallback = Fallback(detail=detail, repr_max_length=5)

    assert fallback.convert({"token"}) == {**_marker("builtins.set"), "__repr__": shown}


def test_somebody_is_told_of_every_marker() -> None:
    told: list[str] = []
    fallback = Fallback(on_marker=told.append)

    fallback.convert({1})
    fallback.convert(1j)
    fallback.convert(array.array("d"))

    assert told == ["builtins.set", "builtins.complex"]


def test_an_argument_may_have_a_simpler_form() -> None:
    assert NoFallback().convert(array.array("d", [1.5])) == [1.5]


@pytest.mark.parametrize("value", [b"hi", bytearray(b"hi"), memoryview(b"hi"), 1j, {1}])
def test_an_argument_without_a_simpler_form_is_refused(value: object) -> None:
    with pytest.raises(CannotWriteError, match="which JSON cannot express") as caught:
        NoFallback().convert(value)

    assert caught.value.hint.startswith("Send text, ")


def test_an_argument_of_too_many_numbers_is_refused_with_their_count_and_the_next_step() -> None:
    with pytest.raises(CannotWriteError, match="an array of 2000000 numbers") as caught:
        NoFallback().convert(np.zeros(2_000_000))

    assert "msgpack or tagged" in caught.value.hint


def test_an_argument_of_uncounted_numbers_is_refused_when_they_are_too_many() -> None:
    with pytest.raises(CannotWriteError, match="too many numbers; 2 is the most"):
        NoFallback(max_tolist_elements=2).convert(array.array("b", [1, 2, 3]))


REPEATED = [
    pd.DataFrame([[1, 2]], columns=["a", "a"]),
    pd.DataFrame({"a": [1, 2]}, index=[7, 7]),
    pd.Series([1, 2], index=["a", "a"]),
]


@pytest.mark.parametrize("value", REPEATED, ids=["columns", "rows", "series"])
@pytest.mark.filterwarnings("error")
def test_labels_that_a_dict_would_lose_make_no_dict(value: Any) -> None:
    assert Fallback().convert(value)["__ffi_unserializable__"] is True
    with pytest.raises(CannotWriteError, match="of the same name"):
        NoFallback().convert(value)


def test_other_frames_and_series_become_dicts() -> None:
    assert Fallback().convert(pd.DataFrame({"a": [1]})) == {"a": {0: 1}}
    assert Fallback().convert(pd.Series([1], index=["x"])) == {"x": 1}


def test_an_argument_is_refused_with_what_hinders_it() -> None:
    with pytest.raises(CannotWriteError, match="with a mask, which tagged cannot") as caught:
        NoFallback(encoding="tagged").marker(np.ma.array([1], mask=[True]))

    assert ".filled(" in caught.value.hint


DETAIL = "SNAKEPIT_UNSERIALIZABLE_DETAIL"
MAXLEN = "SNAKEPIT_UNSERIALIZABLE_REPR_MAXLEN"
ELEMENTS = "SNAKEPIT_TOLIST_MAX_ELEMENTS"


@pytest.mark.parametrize(
    ("environ", "fallback"),
    [
        ({}, Fallback()),
        ({DETAIL: " Type\n"}, Fallback(detail=Detail.TYPE)),
        ({DETAIL: "repr_truncated"}, Fallback(detail=Detail.REPR)),
        ({DETAIL: "repr_redacted_truncated"}, Fallback(detail=Detail.REDACTED_REPR)),
        ({DETAIL: "none"}, Fallback()),
        ({DETAIL: "all of it"}, Fallback()),
        ({MAXLEN: " 20 "}, Fallback(repr_max_length=20)),
        ({MAXLEN: ""}, Fallback(repr_max_length=500)),
        ({MAXLEN: "many"}, Fallback(repr_max_length=500)),
        ({MAXLEN: "99999"}, Fallback(repr_max_length=2000)),
        ({MAXLEN: "-1"}, Fallback(repr_max_length=0)),
        ({ELEMENTS: "100"}, Fallback(max_tolist_elements=100)),
        ({ELEMENTS: "few"}, Fallback(max_tolist_elements=1_000_000)),
        ({ELEMENTS: "-5"}, Fallback(max_tolist_elements=0)),
    ],
)
def test_the_environment_decides(environ: dict[str, str], fallback: Fallback) -> None:
    assert fallback_from(environ) == fallback


def test_the_environment_does_not_decide_who_is_told() -> None:
    told: list[str] = []

    fallback_from({}, on_marker=told.append).marker(1j)

    assert told == ["builtins.complex"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_numpy_become_iso_text_however_fine_they_are(unit: str) -> None:
    """Nanoseconds, which are what pandas has, once became bare numbers."""
    times = np.array(["2020-01-01T01:02:03"], dtype=f"datetime64[{unit}]")

    (text,) = Fallback().convert(times)

    assert text.startswith("2020-01-01T01:02:03")
    assert Fallback().convert(times[0]) == text


# --- keeping --------------------------------------------------------------------------------------


class Shelf(Beside):
    def __init__(self, *, takes: bool) -> None:
        self.kept: list[object] = []
        self._takes = takes

    def keep(self, instance: object) -> Ref | None:
        self.kept.append(instance)
        return Ref("ref-1", type_name="some.Thing") if self._takes else None


def test_the_marker_of_what_is_kept_has_its_ref() -> None:
    shelf, thing = Shelf(takes=True), object()

    marker = Fallback(detail=Detail.TYPE).keeping(shelf).convert(thing)

    assert marker == {
        "__ffi_unserializable__": True,
        "__type__": "builtins.object",
        "__repr__": "<unserializable builtins.object>",
        "__ref__": "ref-1",
    }
    assert type(marker["__ref__"]) is str
    assert shelf.kept == [thing]


def test_what_is_not_kept_has_the_marker_of_always() -> None:
    assert Fallback().keeping(Shelf(takes=False)).convert(1j) == Fallback().marker(1j)


def test_what_has_a_simpler_form_is_not_kept() -> None:
    shelf = Shelf(takes=True)

    assert Fallback().keeping(shelf).convert(np.arange(2)) == [0, 1]
    assert shelf.kept == []


def test_the_rules_are_the_same_for_what_is_kept() -> None:
    told: list[str] = []
    keeping = Fallback(max_tolist_elements=1, on_marker=told.append).keeping(Shelf(takes=True))

    assert keeping.convert(np.arange(2))["__ref__"] == "ref-1"
    assert told == ["numpy.ndarray"]


def test_what_is_refused_is_not_kept() -> None:
    shelf = Shelf(takes=True)

    with pytest.raises(CannotWriteError, match="which tagged cannot express"):
        NoFallback(encoding="tagged").keeping(shelf).convert(object())

    assert shelf.kept == []
