"""The documents tell the truth: their code runs, their commands print what they show.

What a page shows is run from top to bottom, as its reader would:

* Python blocks share one namespace. Functions named ``test_*`` are called. A ``text`` block that
  follows at once is what the Python block prints.
* A block whose first line is ``# NAME.EXT`` is a file of that name in the reader's folder.
* Of a ``console`` block the lines after ``$`` are run; the others are what they print.
  ``snakepit-bridge serve`` goes on until the end of the page.
* ``...`` stands for anything, ids and times for other ids and times.
* ``<!-- not executed: REASON -->`` before a block leaves it alone.
"""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import enum
import importlib
import inspect
import io
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from math import nan
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote
from uuid import UUID

import pytest

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.cli.outcome import ExitCode
from snakepit_bridge.cli.program import run
from snakepit_bridge.client import AsyncClient
from snakepit_bridge.errors import BridgeError, ErrorCode
from snakepit_bridge.grpc._generated import (
    snakepit_bridge_pb2,
    snakepit_bridge_pb2_grpc,
    snakepit_pb2,
    snakepit_pb2_grpc,
)
from snakepit_bridge.grpc.status import STATUS
from snakepit_bridge.settings import Setting, Settings, all_settings
from snakepit_bridge.telemetry import names as telemetry_names
from snakepit_bridge.transport.in_process import InProcessTransport
from snakepit_bridge.values.choice import find_encoding
from snakepit_bridge.values.fallback import UNSERIALIZABLE_KEY

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

ADDRESS = "127.0.0.1:50051"
"""Where the documents' server listens; the test's listens on a free port."""

SERVE = [sys.executable, "-m", "snakepit_bridge", "serve"]

DEMO = ".venv-demo/bin/snakepit-bridge demo"
"""What ``make demo`` says that it runs."""

GENERATED = {
    "snakepit_pb2": snakepit_pb2,
    "snakepit_pb2_grpc": snakepit_pb2_grpc,
    "snakepit_bridge_pb2": snakepit_bridge_pb2,
    "snakepit_bridge_pb2_grpc": snakepit_bridge_pb2_grpc,
}
"""What readers generate from ``proto/``, under the names that gives."""


# --- blocks ---------------------------------------------------------------------------------------


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    """Of its first line, from 1."""

    reason: str
    """Why it is not executed; empty where it is."""

    follows_at_once: bool
    """Whether nothing but space stands between it and the block before."""


_FENCE = re.compile(
    r"(?P<between>.*?)^```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_NOT_EXECUTED = re.compile(r"<!-- not executed: ([^>]+) -->\s*\Z")


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        excuse = _NOT_EXECUTED.search(match["between"])
        found.append(
            Block(
                language=match["language"],
                text=match["text"],
                line=text.count("\n", 0, match.start("text")) + 1,
                reason=excuse[1] if excuse else "",
                follows_at_once=not match["between"].strip(),
            )
        )
    return found


def name_of(page: Path) -> str:
    """Path below the root, as people know it."""
    return page.relative_to(ROOT).as_posix()


EXECUTABLE = ("python", "console")
LIVE_PAGES = [
    page for page in PAGES if any(block.language in EXECUTABLE for block in blocks_of(page))
]


# --- what differs from run to run -----------------------------------------------------------------

_VARYING = (
    (r'"(pid|python|uptime_s|idle_s|queue_ms|run_ms)": "?[\d.e-]+"?', r'"\1": <varies>'),
    (r"\b[0-9a-f]{32}\b", "<trace-id>"),
    (r"\b[0-9a-f]{16}\b", "<id>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", "<time>"),
    (r"\b\d\d:\d\d:\d\d\b", "<clock>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"\bbridge-\d+\b", "bridge-<pid>"),
    (r" *\b\d+(\.\d+)? ?(ms|s|\u00b5s)\b", " <duration>"),
    (r"[ \t]+$", ""),
)


def normal(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, stand_in in _VARYING:
        text = re.sub(pattern, stand_in, text, flags=re.MULTILINE)
    return text.strip("\n")


def agree(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed."""
    parts = [re.escape(part) for part in normal(shown).split("...")]
    return re.fullmatch(".*?".join(parts), normal(printed), re.DOTALL) is not None


# --- a reader who tries everything ----------------------------------------------------------------


class Reader:
    """Somebody who works through one page in an empty folder.

    Args:
        folder: Where the reader works; the current folder, and on the path.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._namespace: dict[str, Any] = {"__name__": "page"}
        self._address = ADDRESS
        self._servers = 0
        self._exit_code = 0
        self.printed = ""
        """By the last Python block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()
        self._forget_modules()

    def read(self, block: Block) -> None:
        """Do what a block shows."""
        text = block.text.replace(ADDRESS, self._address)
        title = re.match(r"# ([\w-]+\.(?:py|toml))\n", text)
        if title:
            (self._folder / title[1]).write_text(text)
            importlib.invalidate_caches()
        if block.language == "python":
            self.printed = _captured(partial(self._python, text, title[1] if title else ""))
        elif block.language == "text" and block.follows_at_once:
            self._compare(block.line, block.text, self.printed)
        elif block.language == "console":
            for command, shown, line in _commands_in(block):
                self._type(command.replace(ADDRESS, self._address), shown, line)

    def _python(self, text: str, file: str) -> None:
        known = set(self._namespace)
        if file:
            module = importlib.import_module(file.removesuffix(".py"))
            self._namespace.update(vars(module), __name__="page")
        else:
            exec(compile(text, "<page>", "exec"), self._namespace)  # noqa: S102  (our own pages)
        for name in self._namespace.keys() - known:
            if name.startswith("test_"):
                returned = self._namespace[name]()
                if inspect.iscoroutine(returned):
                    asyncio.run(returned)

    def _type(self, command: str, shown: str, line: int) -> None:
        words = shlex.split(command)
        if words[:2] == ["snakepit-bridge", "serve"]:
            self._compare(line, shown, self._serve(words[2:], lines=shown.count("\n")))
        elif words[0] == "snakepit-bridge":
            self._compare(line, shown, _captured(partial(self._run, words[1:])))
        elif words == ["make", "demo"]:
            printed = _captured(partial(self._run, ["demo"]))
            self._compare(line, shown, f"{DEMO}\n{printed}")
        elif words == ["echo", "$?"]:
            self._compare(line, shown, str(self._exit_code))
        else:
            pytest.fail(f"line {line}: nobody knows how to run {command!r}")

    def _run(self, words: list[str]) -> None:
        self._exit_code = run(words)

    def _serve(self, flags: list[str], *, lines: int) -> str:
        """Start a server that lives until the page ends; what it says at first."""
        self._servers += 1
        ready = self._folder / f"ready-{self._servers}"
        own = [] if {"--uds", "--port"} & set(flags) else ["--port", "0"]
        process = self._stack.enter_context(
            subprocess.Popen(
                [*SERVE, *flags, *own, "--ready-file", str(ready)],
                cwd=self._folder,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        self._stack.callback(process.terminate)
        assert process.stderr is not None
        said = "".join(process.stderr.readline() for _ in range(lines))
        # Written before the first line; who does not serve has no ready file, and ends.
        if not ready.exists():
            self._exit_code = process.wait()
        elif "--uds" not in flags:
            self._address = f"127.0.0.1:{ready.read_text().strip()}"
        return said

    def _compare(self, line: int, shown: str, printed: str) -> None:
        if not agree(shown, printed):
            assert normal(shown) == normal(printed), f"line {line}"

    def _forget_modules(self) -> None:
        here = str(self._folder)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(here):
                del sys.modules[name]


def _captured(work: Callable[[], None]) -> str:
    """What the work prints, as a terminal would show it."""
    terminal = io.StringIO()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        work()
    return terminal.getvalue()


def _commands_in(block: Block) -> Iterator[tuple[str, str, int]]:
    """Each command of a console block, what it prints, and its line."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    line = block.line + parts[0].count("\n")
    for part in parts[1:]:
        command, _, shown = re.sub(r"\\\n", "", part).partition("\n")
        yield command, shown, line
        line += part.count("\n")


@pytest.mark.parametrize("page", LIVE_PAGES, ids=name_of)
def test_what_a_page_shows_happens(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name, module in GENERATED.items():
        monkeypatch.setitem(sys.modules, name, module)

    with Reader(tmp_path) as reader:
        for block in blocks_of(page):
            if not block.reason:
                reader.read(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_not_executed_says_why(page: Path) -> None:
    excuses = len(re.findall("<!-- not executed", page.read_text()))

    assert excuses == sum(1 for block in blocks_of(page) if block.reason)


def test_the_demo_of_the_readme_is_that_of_make() -> None:
    assert f"\t{DEMO} " in (ROOT / "Makefile").read_text()


# --- links ----------------------------------------------------------------------------------------

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as the site and most forges make them."""
    headings = re.findall(r"^#+ (.+)$", _prose_of(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def _prose_of(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def _broken_links_of(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_prose_of(page)):
        if "://" in link:
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors_of(target)):
            yield link
        elif DOCS in page.parents and not target.is_relative_to(DOCS):
            yield link  # it would lead out of the site


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(_broken_links_of(page)) == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]

    assert sorted(_pages_in(navigation)) == sorted(
        page.relative_to(DOCS).as_posix() for page in PAGES if DOCS in page.parents
    )


def _pages_in(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from _pages_in(each)


def test_the_modules_that_pages_name_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"`([\w/]+/\w+\.py)`", _prose_of(page))}
    assert named

    places = (ROOT, ROOT / "snakepit_bridge")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


# --- what the pages list --------------------------------------------------------------------------


def test_every_setting_is_listed_as_it_is() -> None:
    rows = [_row_of(setting) for setting in all_settings().values()]

    listed = re.findall(r"^\| `--.*\|$", (DOCS / "serving.md").read_text(), re.MULTILINE)
    settings = [row for row in listed if row.count("|") == 4 and "`, `" not in row]

    assert settings == rows


def _row_of(setting: Setting) -> str:
    default = "none" if setting.default in {None, "", ()} else f"`{setting.default}`"
    return (
        f"| `{setting.flag}` | {'off' if setting.is_switch else default} | {setting.description} |"
    )


def test_every_exit_code_is_listed() -> None:
    listed = re.findall(r"^\| (\d+) \| \w", (DOCS / "serving.md").read_text(), re.MULTILINE)

    assert [int(code) for code in listed] == sorted(ExitCode)


def test_every_name_of_telemetry_is_listed() -> None:
    page = (DOCS / "serving.md").read_text()
    constants = {name: value for name, value in vars(telemetry_names).items() if name.isupper()}
    names = [value for value in constants.values() if isinstance(value, str)]

    assert [name for name in names if f"`{name}`" not in page] == []


async def test_every_command_is_listed_with_its_parameters() -> None:
    async with _client() as client:
        signatures = {_signature_of(each) for each in await client.commands()}

    headings = re.findall(r"^### `(.+)`$", (DOCS / "commands.md").read_text(), re.MULTILINE)

    assert len(headings) == len(set(headings))
    assert set(headings) == signatures


@asynccontextmanager
async def _client() -> AsyncIterator[AsyncClient]:
    async with (
        open_bridge(Settings()) as handler,
        InProcessTransport().serving(handler) as endpoint,
        endpoint.connect() as connection,
    ):
        yield AsyncClient(connection)


def _signature_of(described: dict[str, Any]) -> str:
    schema = described["schema"]
    required = schema.get("required", ())
    parameters = (
        f"{name}{'' if name in required else '?'}: {_type_in(each)}"
        for name, each in schema["properties"].items()
    )
    return f"{described['name']}({', '.join(parameters)})"


def _type_in(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_type_in(each) for each in schema["anyOf"]]
        return " | ".join(kind for kind in kinds if kind != "null")
    if "enum" in schema:
        return " | ".join(f'"{each}"' for each in schema["enum"])
    return str(schema.get("type", "any"))


def test_every_error_code_is_listed_with_its_status() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (yes|no) \|", (DOCS / "errors.md").read_text(), re.MULTILINE
    )

    assert rows == [
        (str(code), STATUS[code].name, "yes" if _is_retryable(code) else "no") for code in ErrorCode
    ]


def _is_retryable(code: ErrorCode) -> bool:
    (kind,) = (each for each in _error_classes(BridgeError) if vars(each).get("code") is code)
    return kind.retryable


def _error_classes(kind: type[BridgeError]) -> Iterator[type[BridgeError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == BridgeError.__module__:
            yield from _error_classes(each)


def test_every_benchmark_is_listed() -> None:
    rows = re.findall(r'Row\("([^"]+)"', (ROOT / "benchmarks" / "__main__.py").read_text())
    page = (DOCS / "benchmarks.md").read_text()
    assert rows

    assert [row for row in rows if f"| {row} |" not in page] == []


# --- how values travel ----------------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Pair(NamedTuple):
    a: int
    b: int


_KNOWN = {
    **{each.__name__: each for each in (Color, Point, Pair, Decimal, UUID)},
    **{each.__name__: each for each in (date, datetime, time, timedelta)},
    "UTC": UTC,
    "nan": nan,
}


def _table_of_values(columns: int) -> list[list[str]]:
    """The rows of the table in ``clients.md`` that has so many columns and code in its first."""
    rows = re.findall(r"^\| (`.+) \|$", (DOCS / "clients.md").read_text(), re.MULTILINE)
    cells = [row.split(" | ") for row in rows]
    return [row for row in cells if len(row) == columns]


def test_results_travel_as_the_table_says() -> None:
    table = _table_of_values(5)
    assert table

    for value, *shown in table:
        returned = eval(value.strip("`"), {}, _KNOWN)  # noqa: S307  (our own page)
        assert shown == [*_travelled(returned, "json"), *_travelled(returned, "")], value


def _travelled(value: object, encoding: str) -> tuple[str, str]:
    """What is on the wire, and what a client reads back."""
    codec = find_encoding(encoding)
    try:
        encoded = codec.encode(value)
    except BridgeError:
        return "refused", "nothing"
    wire = encoded.value.decode() or ", ".join(f"{k}: {v!r}" for k, v in encoded.parts.items())
    if UNSERIALIZABLE_KEY in wire:
        return "marker", "marker"
    return f"`{wire}`", f"`{codec.decode(encoded)!r}`"


def test_arguments_are_read_as_the_table_says() -> None:
    table = [row for row in _table_of_values(3) if row[0].startswith("`b'")]
    assert table

    for sent, *shown in table:
        assert shown == [_read(ast.literal_eval(sent.strip("`")), each) for each in ("json", "")]


def _read(sent: bytes, encoding: str) -> str:
    try:
        return f"`{find_encoding(encoding).decode_args({'sent': sent})['sent']!r}`"
    except BridgeError:
        return "refused"
