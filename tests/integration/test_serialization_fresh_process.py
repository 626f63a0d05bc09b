"""What the serializer loads, seen from processes that have loaded nothing yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

OPTIONAL = "print([name for name in ('numpy', 'orjson') if name in sys.modules])"


def _printed(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.defect("D46")
def test_the_serializer_loads_no_optional_library() -> None:
    program = f"""
from snakepit_bridge.serialization import TypeSerializer
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson
from snakepit_bridge.zero_copy import ZeroCopyRef
TypeSerializer.encode_any([0.5] * 2000, "embedding")
{OPTIONAL}
"""

    assert _printed(program) == ["[]"]


@pytest.mark.defect("D46")
def test_numpy_is_loaded_when_the_first_tensor_comes() -> None:
    program = f"""
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson, Typed
tensor = Typed("type.googleapis.com/snakepit.tensor", b'{{"shape":[2],"data":[1,2]}}')
print(SnakepitJson(Fallback()).decode_args({{"a": tensor}}))
{OPTIONAL}
"""

    assert _printed(program) == ["{'a': array([1, 2])}", "['numpy']"]


@pytest.mark.defect("D46", "D44")
def test_tensors_are_read_and_written_where_no_optional_library_is_installed() -> None:
    program = """
sys.modules.update(numpy=None, orjson=None)
from snakepit_bridge.serialization import TypeSerializer
tensor = {"shape": [2, 1000], "data": [[0.5] * 1000] * 2}
message, binary = TypeSerializer.encode_any(tensor, "tensor")
print(len(binary), TypeSerializer.decode_any(message, binary) == tensor)
"""

    assert _printed(program) == ["16000 True"]
