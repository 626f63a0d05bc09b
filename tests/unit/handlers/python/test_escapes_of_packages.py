"""Ways out of an allow-list of one or two well-known packages, each of them closed."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections import ChainMap, UserList, deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.python import library
from snakepit_bridge.handlers.python.within import things_in
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from tests.unit.handlers.python.bench import Bench
from tests.unit.handlers.python.packages import workbench

pd: Any = pytest.importorskip("pandas")  # ships no types

HERE = {"data": (4096, False), "typestr": "|u1", "shape": (1,), "version": 3}
"""What numpy takes for the address of an array."""


def tagged(ref: Ref) -> dict[str, Any]:
    return {"__type__": "ref", "id": str(ref)}


def result(index: int, *path: Any) -> dict[str, Any]:
    return {"__type__": "result", "index": index, "path": [*path]}


@pytest.mark.parametrize(
    "target",
    [
        # Python's own: nothing but what merely computes
        *("argparse.ArgumentParser", "cgitb.enable", "codecs.open", "contextlib.ExitStack"),
        *("copy.deepcopy", "enum.Enum", "enum.global_enum", "fileinput.FileInput", "gettext.c2py"),
        *("gzip.open", "io.FileIO", "locale.setlocale", "logging.basicConfig", "wave.open"),
        *("logging.makeLogRecord", "optparse.Values", "pipes.Template", "pyclbr.readmodule"),
        *("rlcompleter.Completer", "sqlite3.connect", "tarfile.open", "tempfile.mkstemp"),
        *("threading.Thread", "typing.get_type_hints", "warnings.simplefilter", "json.tool.main"),
        *("xml.sax.make_parser", "zipfile.PyZipFile", "dataclasses.make_dataclass"),
        # and of that not what reaches further
        *("functools.singledispatch", "functools.wraps", "os.path.expandvars", "os.path.exists"),
        *("time.sleep", "time.clock_settime", "uuid.getnode", "decimal.getcontext"),
        *("csv.register_dialect", "calendar.setfirstweekday", "zoneinfo.reset_tzpath"),
        *("string.Formatter", "operator.call", "pprint.pprint"),
        # other people's packages
        *("importlib_metadata.EntryPoint", "msgspec.defstruct", "pydantic.create_model"),
        *("numpy.lib.format.read_array", "numpy.memmap", "numpy.ndarray", "numpy.recarray"),
        *("numpy.rec.fromstring", "numpy.set_printoptions", "numpy.seterr", "numpy.seterrcall"),
        *("numpy.random.set_bit_generator", "numpy.testing.measure"),
        *("pandas.compat._optional.import_optional_dependency", "pandas.io.common.get_handle"),
        *("pandas.io.common.import_optional_dependency", "pandas.set_option", "pandas.testing.x"),
        *("pandas.tests.io.generate_legacy_storage_files.main", "pandas.set_eng_float_format"),
        *("polars.Config", "polars.Config.set_tbl_rows", "polars.api.register_expr_namespace"),
        *("polars.plugins.register_plugin_function", "polars.enable_string_cache"),
        *("pyarrow.tests.util.invoke_script", "pyarrow.set_cpu_count", "pyarrow.foreign_buffer"),
        *("pyarrow.compute.register_scalar_function", "pyarrow.Array.from_buffers"),
        *("yaml.constructor.UnsafeConstructor", "yaml.loader.Loader", "yaml.unsafe_load"),
        *("yaml.add_constructor", "yaml.YAMLObject"),
    ],
)
def test_the_name_of_a_package_alone_does_not_open_this(target: str) -> None:
    package = target.partition(".")[0]
    area = "os.path" if target.startswith("os.path.") else package
    # Where a package is not installed, there is nothing to reach in it.
    refused = NotAllowedError if _is_there(package) else (NotAllowedError, InvalidArgumentError)

    for attempt in (Bench(area).call, Bench(area).create):
        with pytest.raises(refused):
            attempt(target)
    with pytest.raises(refused):
        list(Bench(area).handler.iterate(Bench(area).session, target=target))


def _is_there(package: str) -> bool:
    return package in sys.stdlib_module_names or package in {"numpy", "pandas"}


def test_the_refusal_of_a_module_that_may_do_more_names_both_settings() -> None:
    with pytest.raises(NotAllowedError, match="may do more than compute") as caught:
        Bench().call("gzip.open", "x")
    assert caught.value.hint == (
        "The operator allows that with --allow gzip --allow-code-execution."
    )
    with pytest.raises(NotAllowedError) as caught:
        Bench("gzip").call("gzip.open", "x")
    assert caught.value.hint == "The operator allows that with --allow-code-execution."


def test_what_merely_computes_stays_open() -> None:
    bench = Bench(*(area.partition(".")[0] for area in library.COMPUTES))

    assert bench.call("urllib.parse.quote", "a b") == "a%20b"
    assert bench.call("json.loads", "[1]") == [1]
    assert bench.call("hashlib.sha256", b"").hexdigest().startswith("e3b0")
    assert bench.call("statistics.mean", [1, 3]) == 2
    assert bench.call("re.sub", "a", "b", "aa") == "bb"
    assert bench.call("zlib.crc32", b"a") > 0
    assert Bench("yaml").call("yaml.safe_load", "a: [1]") == {"a": [1]}
    assert Bench("gzip", code_execution=True).call("gzip.compress", b"")


# --- texts that would become code -----------------------------------------------------------------


class Callable_:  # noqa: N801  (an object, such as a caller may find one, that can be called)
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __call__(self, x: int = 1) -> None: ...


@pytest.mark.parametrize(
    "attributes",
    [
        {"__annotations__": {"x": "__import__('os').system('true')"}},
        {"__text_signature__": "(x=os.system)"},
        {"__signature__": "(x=os.system)"},
        {"__wrapped__": Callable_(__text_signature__="(x=os.system)")},
    ],
)
def test_describing_runs_no_text(attributes: dict[str, Any], monkeypatch: Any) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(os, "system", heard.append)
    bench = Bench(__name__)
    thing = Callable_(**attributes)

    shown = bench.handler.describe(bench.session, ref=bench.keep(thing))
    wrapped = functools.lru_cache(thing)
    bench.handler.describe(bench.session, ref=bench.keep(wrapped))

    assert heard == []
    if "__annotations__" not in attributes:
        assert shown["parameters"] is None


def test_functions_that_wrap_themselves_are_described_all_the_same() -> None:
    thing = Callable_()
    thing.__dict__["__wrapped__"] = thing
    bench = Bench(__name__)

    shown = bench.handler.describe(bench.session, ref=bench.keep(thing))

    assert shown["parameters"] is None


def test_an_enum_makes_no_enum(tmp_path: Path) -> None:
    (tmp_path / "open_enums.py").write_text(
        "import enum\nclass Base(str, enum.Enum): pass\nclass Color(Base):\n    RED = 'red'\n"
    )
    with workbench(tmp_path):
        bench = Bench("open_enums", "functools")
        assert bench.call("open_enums.Color", "red").name == "RED"
        with pytest.raises(NotAllowedError, match="makes new classes"):
            bench.call("open_enums.Base", "E", {"__array_interface__": "x"})
        base = bench.keep(sys.modules["open_enums"].Base)
        with pytest.raises(NotAllowedError, match="makes new classes"):
            bench.call("functools.partial", tagged(base), "E")


# --- what unpickles -------------------------------------------------------------------------------


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("x.npz.was.here",)


def test_an_archive_of_arrays_is_read_and_never_unpickled(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    data = io.BytesIO()
    np.savez(data, a=np.array([Evil()], dtype=object), b=np.arange(3), allow_pickle=True)
    bench = Bench("numpy", "builtins")
    raw = bench.create("numpy.array", list(data.getvalue()), dtype="uint8")
    bench.method(raw, "tofile", "e.npz")

    archive = bench.create("numpy.load", "e.npz")

    assert bench.item(archive, "b").tolist() == [0, 1, 2]
    with pytest.raises(NotAllowedError, match="unpickles"):
        bench.set(archive, "allow_pickle", value=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        bench.item(archive, "a")
    bench.method(archive, "close")

    opened = np.load("e.npz", allow_pickle=True)
    willing = bench.keep(opened)
    for attempt in (
        lambda: bench.item(willing, "a"),
        lambda: bench.get(willing, "f"),
        lambda: bench.method(willing, "values"),
        lambda: bench.items(ref=willing),
        lambda: bench.call("builtins.dict", tagged(willing)),
        lambda: bench.call("builtins.list", [[tagged(willing)]]),
    ):
        with pytest.raises(NotAllowedError, match="unpickles"):
            attempt()
    opened.close()
    assert not (tmp_path / "x.npz.was.here").exists()


# --- raw memory -----------------------------------------------------------------------------------


class Labelled:
    """An object that somebody has given attributes."""


class Polluted:
    """A class that somebody has made, with an address in it."""

    __array_interface__ = HERE


@pytest.mark.parametrize(
    "name", ["__array_interface__", "__array_struct__", "__cuda_array_interface__"]
)
def test_no_container_hides_what_passes_for_memory(name: str) -> None:
    bench = Bench("numpy")
    labelled = Labelled()
    setattr(labelled, name, HERE)
    objects = np.empty(1, dtype=object)
    objects[0] = labelled
    series = pd.Series([labelled])

    for hidden in (
        *([labelled], (labelled,), {"a": labelled}, deque([[labelled]]), UserList([labelled])),
        *(ChainMap({"a": labelled}), {"a": labelled}.values(), objects, series),
        *(pd.DataFrame({"n": [1], "a": series}), functools.partial(np.sum, labelled)),
    ):
        for given in (
            tagged(bench.keep(hidden)),
            [bench.keep(hidden)],
        ):
            with pytest.raises(NotAllowedError):
                bench.call("numpy.asarray", given)


def test_an_address_in_a_class_that_somebody_made_is_none_either() -> None:
    with pytest.raises(NotAllowedError, match="no array"):
        Bench("numpy").call("numpy.asarray", [Polluted()])


def test_a_series_that_is_labelled_once_it_is_hidden_is_found() -> None:
    bench = Bench("pandas", "numpy", "collections")
    series = bench.create("pandas.Series", [HERE], index=["a"])
    holder = bench.create("collections.deque", [tagged(series)])
    bench.set(series, "index", ["__array_interface__"])

    with pytest.raises(NotAllowedError, match="no array"):
        bench.call("numpy.asarray", tagged(holder))


def test_things_are_found_once_and_cycles_end() -> None:
    ring: list[Any] = [1, "a", len]
    ring.append(ring)

    assert [*things_in(ring)] == [ring, len]
    assert [*things_in(5)] == []
    assert len([*things_in(np.arange(3))]) == 1
    assert len([*things_in(pd.Series([1.5]))]) == 1


# --- values that are no wire types, wherever they come from ---------------------------------------


def test_arguments_that_are_a_result_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "hooks_of_mine.py").write_text(
        "import os\n"
        "HOOKS = [os.system, 'true']\n"
        "NAMED = {'function': os.system}\n"
        "DEEP = {'a': [(os.system,)]}\n"
        "def call(function, *args): return function(*args)\n"
        "def give(value): return value\n"
    )
    get = ("get_attribute", {"target": "hooks_of_mine", "name": "HOOKS"})
    named = ("get_attribute", {"target": "hooks_of_mine", "name": "NAMED"})
    deep = ("get_attribute", {"target": "hooks_of_mine", "name": "DEEP"})
    call: dict[str, Any] = {"target": "hooks_of_mine.call"}

    with workbench(tmp_path):
        bench = Bench("hooks_of_mine")
        for calls in (
            (get, ("call", call | {"args": result(0)})),
            (named, ("call", call | {"kwargs": result(0)})),
            (deep, ("call", {"target": "hooks_of_mine.give", "args": [result(0)]})),
            (deep, ("call", call | {"args": result(0, "a", 0)})),
            (get, ("call", call | {"args": [result(0, 0), "true"]})),
        ):
            with pytest.raises(NotAllowedError, match="os"):
                bench.batch(*calls)
        bench.host.answer = [bench.keep(os.system)]
        with pytest.raises(NotAllowedError, match="os"):
            bench.call("hooks_of_mine.call", HostFunction(tool="ask"))
        with pytest.raises(NotAllowedError, match="os"):
            bench.call("hooks_of_mine.give", bench.keep([[os.system]]))


def test_modules_that_callers_make_up_do_not_pile_up() -> None:
    bench = Bench("collections")
    places = bench.handler._reach._places  # noqa: SLF001  (what it remembers is not shown)

    for number in range(5000):
        places.opens(f"m{number}")
        places.leads_somewhere(f"m{number}")

    assert places._opens.cache_info().currsize <= 4096  # noqa: SLF001
    assert places._leads.cache_info().currsize <= 4096  # noqa: SLF001
