from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from snakepit_bridge.values.binary import obstacles
from snakepit_bridge.values.binary.forms import blob_of
from snakepit_bridge.values.binary.obstacles import obstacle_of


class Meters(np.ndarray[Any, Any]):
    pass


def _with_attribute(value: object) -> Any:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"value": value}
    return frame


def _objects(*values: object) -> Any:
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("value", "reason", "step"),
    [
        (np.array(["a"]), "text (dtype '<U1')", ".tolist()"),
        (np.array([b"a"]), "bytes (dtype '|S1')", ".tolist()"),
        (np.array([object()]), "Python objects", ".astype('float64')"),
        (np.array([(1,)], dtype=[("a", "i4")]), "records", "field"),
        (np.zeros(2, "longdouble"), "long floats", ".astype('float64')"),
        (np.zeros(2, "clongdouble"), "long complex", ".astype('complex128')"),
        (np.longdouble(1), "number of numpy", "float(value)"),
        (np.clongdouble(1), "number of numpy", "complex(value)"),
        (np.void(b"a"), "number of numpy", "value.item()"),
        (np.ma.array([1], mask=[True]), "with a mask", ".filled("),
        (np.ma.masked, "numpy.ma.masked", "None"),
        (np.zeros(2).view(Meters), "'Meters'", "numpy.asarray"),
        (pd.NaT, "NaT", "None"),
        (pd.NA, "<NA>", "None"),
        (pd.Timestamp(1), "nanoseconds", ".floor('us')"),
        (pd.Timedelta(1), "nanoseconds", ".floor('us')"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "columns named 'a'", "name of its own"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), "names of several types", "columns=str"),
        (pd.DataFrame({"a": _objects(1, "x")}), "in column 'a'", ".astype(str)"),
        (_objects(1, "x"), "in its values", ".astype(str)"),
        (_objects("x", np.nan), "other than None in its values", ".astype('string')"),
        (pd.Index([1, "x"]), "in its index", ".astype(str)"),
        (pd.Series([1], name=("a",)), "a name that is no text", "Rename"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([5], name=3)), "no text", "Rename"),
        (_with_attribute(object()), "attrs", "value of their own"),
        (_with_attribute((1, 2)), "attrs", "value of their own"),
        (pd.DataFrame({"a": [1j]}), "would not come back the same", ".tolist()"),
    ],
)
def test_what_has_no_form_is_told_with_the_next_step(value: Any, reason: str, step: str) -> None:
    assert blob_of(value) is None

    found = obstacle_of(value)

    assert found is not None
    assert reason in found[0]
    assert step in found[1]


@pytest.mark.parametrize("value", [object(), {1}, pd.Period("2026"), pd.array([1])])
def test_of_other_objects_nothing_is_known(value: object) -> None:
    assert obstacle_of(value) is None


def test_frames_need_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "pyarrow_if_installed", lambda: None)

    assert obstacle_of(pd.DataFrame({"a": [1]})) == (
        "is a DataFrame, and pyarrow is not installed",
        "Install pyarrow.",
    )
