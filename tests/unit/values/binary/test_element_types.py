from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from snakepit_bridge.values.binary.element_types import is_small_float, size_of

NUMPYS = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
    "datetime64", "datetime64[ns]", "datetime64[25us]", "timedelta64[D]", "timedelta64",
]  # fmt: skip
SMALL = [
    "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn",
    "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
]  # fmt: skip


@pytest.mark.parametrize("name", NUMPYS)
def test_elements_are_as_large_as_in_numpy(name: str) -> None:
    assert size_of(name) == np.dtype(name).itemsize
    assert np.dtype(name).name == name
    assert not is_small_float(name)


@pytest.mark.parametrize("name", SMALL)
def test_small_floats_are_as_large_as_in_ml_dtypes(name: str) -> None:
    assert size_of(name) == np.dtype(getattr(ml_dtypes, name)).itemsize
    assert is_small_float(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "object", "str96", "bytes24", "void32", "float128", "complex256", "int4",
        "float4_e2m1fn",
        "datetime64[0s]", "datetime64[1000000000000s]", "datetime64[s]\n", "datetime64[x]", "<f4",
    ],
)  # fmt: skip
def test_of_other_elements_there_is_no_tensor(name: str) -> None:
    assert size_of(name) is None
