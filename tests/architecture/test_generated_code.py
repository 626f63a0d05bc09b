"""Generated code is what the contract in ``proto/`` says."""

from __future__ import annotations

import subprocess

from tests.architecture.source_tree import GENERATED, ROOT

# Its own environment: the generator caps protobuf below what the tests run with.
GENERATOR = ROOT / ".venv-proto" / "bin" / "python"


def test_generated_code_is_fresh() -> None:
    assert GENERATOR.exists(), "run `make .venv-proto/.installed`, or `make test`"

    done = subprocess.run(
        [GENERATOR, "tools/proto.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_modules_name_each_other_by_their_full_names() -> None:
    texts = [path.read_text() for path in GENERATED.glob("*.py*")]
    assert texts

    top_level = [line for text in texts for line in text.splitlines() if line.startswith("import ")]

    assert [line for line in top_level if "_pb2" in line] == []
