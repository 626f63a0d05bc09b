from __future__ import annotations

import subprocess
import sys

import pandas as pd

from snakepit_bridge.values.binary.forms import blob_of


def _told(program: str, data: bytes = b"") -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_looking_for_a_binary_form_imports_no_library() -> None:
    program = (
        "import sys\n"
        "from snakepit_bridge.values.binary.forms import blob_of\n"
        "class Thing: pass\n"
        "assert [blob_of(thing) for thing in (Thing(), Thing, 1, 'a', {1})] == [None] * 5\n"
        "assert blob_of(memoryview(b'abcdefgh').cast('d')).dtype == 'float64'\n"
        "print({'numpy', 'pyarrow', 'pandas', 'polars', 'ml_dtypes'} & set(sys.modules))"
    )

    assert _told(program) == "set()"


def test_a_process_that_never_saw_pandas_reads_its_frames() -> None:
    """Periods and intervals are types that pandas tells Arrow about."""
    frame = pd.DataFrame(
        {
            "a": pd.period_range("2026", periods=2, freq="M"),
            "b": pd.interval_range(0, 2),
        }
    )
    blob = blob_of(frame)
    assert blob is not None
    program = (
        "import sys\n"
        "from snakepit_bridge.values.binary.forms import value_of\n"
        "from snakepit_bridge.values.blob import Blob\n"
        "data = sys.stdin.buffer.read()\n"
        "frame = value_of(Blob(kind='arrow', dtype='pandas', data=data))\n"
        "print(*frame.dtypes)"
    )

    assert _told(program, bytes(blob.data)) == "period[M] interval[int64, right]"


def test_a_process_that_never_saw_numpy_reads_small_floats() -> None:
    program = (
        "from snakepit_bridge.values.binary.forms import value_of\n"
        "from snakepit_bridge.values.blob import Blob\n"
        "blob = Blob(kind='tensor', dtype='bfloat16', shape=(2,), data=bytes([0xC0, 0x3F] * 2))\n"
        "print(value_of(blob).tolist())"
    )

    assert _told(program) == "[1.5, 1.5]"
