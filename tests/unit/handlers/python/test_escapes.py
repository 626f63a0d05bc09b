"""Ways out of an allow-list that others have found, each of them closed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.errors import BridgeError, ErrorCode, InvalidArgumentError, NotAllowedError
from tests.unit.handlers.python.bench import Bench
from tests.unit.handlers.python.packages import workbench

CANARIES = frozenset({"os.system", "os.exec", "subprocess.Popen", "pickle.find_class", "open"})
"""Events of Python's own auditing that nothing here may cause; of files only those of callers."""

_heard: list[str] = []
_is_listening = False


def _listen(event: str, arguments: Any) -> None:
    if _is_listening and event in CANARIES and (event != "open" or arguments[0] == "x.npy"):
        _heard.append(event)


sys.addaudithook(_listen)


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    global _is_listening  # noqa: PLW0603  (hooks cannot be taken back, so this one is switched)
    _heard.clear()
    _is_listening = True
    yield
    _is_listening = False
    assert _heard == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with workbench(tmp_path):
        yield Bench(
            *("workbench", "numpy", "pandas", "collections", "functools", "operator", "string"),
            *("builtins", "io", "os", "subprocess", "pickle", "typing", "dataclasses", "abc"),
            *("types", "importlib", "ctypes", "sys", "marshal", "runpy", "code", "shelve"),
            *("dspy", "enum", "yaml", "snakepit_bridge"),
        )


@pytest.mark.parametrize(
    "target",
    [
        # other packages' things under the name of an allowed one
        "collections.abc.sys.exit",
        "numpy.linalg._linalg.functools.reduce",
        "numpy.lib.npyio.os.system",
        "numpy.f2py.os.system",
        "numpy.f2py.compile",
        "numpy.f2py.run_main",
        "numpy.ctypeslib.ctypes.CDLL",
        "numpy.ctypeslib.load_library",
        "numpy.testing.measure",
        "numpy.testing.rundocs",
        "numpy.testing.runstring",
        "numpy.distutils.exec_command",
        "numpy.test",
        "numpy.lib.stride_tricks.as_strided",
        "numpy.bmat",
        "numpy._core.multiarray.array",
        "workbench.os.system",
        "workbench.subprocess.run",
        "workbench.SYSTEM",
        "workbench.getLogger",
        "workbench.log.handlers",
        "workbench.functools.os",
        "workbench.sub.sys.modules",
        "workbench.Thing.run",
        "workbench.Thing.spawn",
        "workbench.Loose",
        # underscores
        "numpy.__builtins__.eval",
        "numpy.__loader__.load_module",
        "numpy.array.__self__",
        "workbench.Thing.__class__",
        "workbench.Thing.__subclasses__",
        "workbench.Thing.__init__.__globals__",
        "workbench.Thing.__base__.__subclasses__",
        "workbench.Thing._secret",
        "workbench.Thing.mro",
        "workbench.add.__globals__",
        "workbench.add.__code__",
        "workbench.add.func_globals",
        "workbench.count.gi_frame",
        "builtins.__import__",
        # text that becomes code, attributes by name, new classes
        "builtins.eval",
        "builtins.exec",
        "builtins.compile",
        "builtins.open",
        "builtins.getattr",
        "builtins.setattr",
        "builtins.globals",
        "builtins.vars",
        "builtins.input",
        "builtins.breakpoint",
        "builtins.type",
        "builtins.super",
        "builtins.str.format",
        "builtins.str.format_map",
        "builtins.print",
        "workbench.Text.format",
        "io.open",
        "io.open_code",
        "operator.attrgetter",
        "operator.methodcaller",
        "string.Formatter",
        "functools.update_wrapper",
        "dataclasses.make_dataclass",
        "abc.ABCMeta",
        "enum.EnumMeta",
        "pandas.eval",
        "pandas.DataFrame.eval",
        "pandas.DataFrame.query",
        "pandas.read_pickle",
        "pandas.io.pickle.read_pickle",
        "pandas.compat.pickle_compat.Unpickler",
        "pandas.read_hdf",
        "pandas.set_option",
        "pandas.core.computation.eval.eval",
        "pandas.core.apply.frame_apply",
        "pandas.options",
        "pandas.api.extensions.register_dataframe_accessor",
        "collections.UserString.format",
        "collections.UserString.format_map",
        # allowed by name, and still not without the other setting
        "os.system",
        "os.popen",
        "subprocess.run",
        "pickle.loads",
        "marshal.loads",
        "shelve.open",
        "ctypes.CDLL",
        "importlib.import_module",
        "runpy.run_path",
        "code.InteractiveInterpreter",
        "sys.modules",
        "types.FunctionType",
        "typing.get_type_hints",
        "snakepit_bridge.settings.Settings",
        # DSPy has commands and rules of its own
        "dspy.Predict",
        "dspy.RLM",
        # not names
        "",
        ".",
        "numpy.",
        ".numpy",
        "numpy..array",
        "numpy.array()",
        "numpy;os",
        "numpy.array\n",
        "__main__.x",
    ],
)
def test_nothing_of_this_can_be_called_or_read_or_described(bench: Bench, target: str) -> None:
    handler, session = bench.handler, bench.session
    path, _, name = target.rpartition(".")

    for attempt in (
        lambda: bench.call(target, "1"),
        lambda: bench.create(target),
        lambda: list(handler.iterate(session, target=target)),
        lambda: handler.describe(session, target=target),
        lambda: bench.read(path, name),
        lambda: bench.batch(("call", {"target": target, "args": ["1"]})),
    ):
        with pytest.raises((NotAllowedError, InvalidArgumentError)):
            attempt()

    assert bench.instances.count() == 0


@pytest.mark.parametrize(
    "name",
    [
        *("__class__", "__dict__", "__reduce__", "__reduce_ex__", "__init__", "__getattribute__"),
        *("__init_subclass__", "__subclasshook__", "__setattr__", "__delattr__", "__dir__"),
        *("__sizeof__", "__doc__", "__module__", "__weakref__", "_secret", "module", "shell"),
        *("run", "spawn", "mro", "f_globals", "gi_frame", "name.__class__", "name\n", ""),
    ],
)
def test_no_object_leads_out_by_an_attribute(bench: Bench, name: str) -> None:
    thing = bench.create("workbench.Thing")

    for attempt in (
        lambda: bench.get(thing, name),
        lambda: bench.method(thing, name),
        lambda: bench.set(thing, f"_{name}", 1),
        lambda: bench.batch(
            ("call", {"target": "workbench.Thing"}),
            (
                "call",
                {
                    "target": "workbench.give",
                    "args": [{"__type__": "result", "index": 0, "path": [name]}],
                },
            ),
        ),
    ):
        with pytest.raises((NotAllowedError, InvalidArgumentError)):
            attempt()


def test_a_proxy_does_not_hand_out_what_it_stands_for(bench: Bench) -> None:
    proxy = bench.create("workbench.Dynamic")

    assert bench.get(proxy, "has_all") == "has_all"
    with pytest.raises(NotAllowedError):
        bench.method(proxy, "system", "true")


def test_what_an_allowed_function_returns_opens_nothing(bench: Bench) -> None:
    """Whoever gets a module, function or foreign object by a ref can do nothing with it."""
    for target in ("workbench.module", "workbench.system", "workbench.foreign"):
        ref = bench.create(target)

        for attempt in (
            lambda ref=ref: bench.get(ref, "system"),
            lambda ref=ref: bench.method(ref, "kill"),
            lambda ref=ref: bench.method(ref, "__call__", "true"),
            lambda ref=ref: bench.set(ref, "x", 1),
            lambda ref=ref: bench.item(ref, 0),
            lambda ref=ref: bench.items(ref=ref),
            lambda ref=ref: bench.handler.length(bench.session, ref=ref),
            lambda ref=ref: bench.handler.describe(bench.session, ref=ref),
        ):
            with pytest.raises((NotAllowedError, InvalidArgumentError)):
                attempt()


@pytest.mark.parametrize("target", ["workbench.module", "workbench.system"])
def test_code_that_is_not_allowed_is_no_argument_either(bench: Bench, target: str) -> None:
    ref = bench.create(target)

    for given in (ref, [ref], {"f": ref}, (ref,), {"__type__": "ref", "id": ref}):
        with pytest.raises(NotAllowedError):
            bench.call("functools.partial", given, "true")
    with pytest.raises(NotAllowedError):
        bench.batch(
            ("call", {"target": target}),
            (
                "call",
                {
                    "target": "workbench.apply",
                    "args": [{"__type__": "result", "index": 0}, "true"],
                },
            ),
        )


def test_a_foreign_module_in_a_dict_cannot_be_used(bench: Bench) -> None:
    with pytest.raises(NotAllowedError):
        bench.batch(
            ("get_attribute", {"target": "workbench", "name": "TOOLBOX"}),
            (
                "call_method",
                {
                    "ref": {"__type__": "result", "index": 0, "path": ["os"]},
                    "method": "system",
                    "args": ["true"],
                },
            ),
        )


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (["x.npy"], {"allow_pickle": True}),
        (["x.npy", None, True], {}),
        (["x.npy"], {"allow_pickle": 1}),
    ],
)
def test_numpy_unpickles_nothing(bench: Bench, args: list[Any], kwargs: dict[str, Any]) -> None:
    with pytest.raises(NotAllowedError, match="unpickles"):
        bench.call("numpy.load", *args, **kwargs)


def test_what_needs_a_look_at_its_arguments_is_not_handed_on(bench: Bench) -> None:
    """Whoever it is handed to would call it with arguments that nobody has looked at."""
    load = bench.keep(bench.read("numpy", "load"))
    frame = bench.create("pandas.DataFrame", {"a": [1]})
    apply = bench.keep(bench.get(frame, "apply"))

    for function in (load, apply):
        with pytest.raises(NotAllowedError, match="cannot be an argument"):
            bench.call("functools.partial", function, allow_pickle=True)


@pytest.mark.parametrize(
    ("method", "args", "kwargs"),
    [
        ("eval", ["1"], {}),
        ("query", ["a > 1"], {}),
        ("apply", ["eval"], {"expr": "1"}),
        ("agg", [["eval"]], {}),
        ("agg", [{"a": "eval"}], {}),
        ("transform", [], {"func": "eval"}),
        ("apply", ["__class__"], {}),
        ("plot", [], {"backend": "os"}),
    ],
)
def test_a_frame_evaluates_nothing(
    bench: Bench, method: str, args: list[Any], kwargs: dict[str, Any]
) -> None:
    frame = bench.create("pandas.DataFrame", {"a": [1]})

    with pytest.raises(NotAllowedError):
        bench.method(frame, method, *args, **kwargs)


def test_arrays_hand_out_no_addresses(bench: Bench) -> None:
    array = bench.create("numpy.arange", 3)

    with pytest.raises(NotAllowedError):
        bench.get(array, "ctypes")


def test_nothing_that_a_caller_has_labelled_passes_for_memory(bench: Bench) -> None:
    """numpy reads from any address that the label ``__array_interface__`` of a Series names."""
    where = {"data": (4096, False), "typestr": "<i8", "shape": (1,), "version": 3}
    series = bench.create("pandas.Series", [where], index=["interface__"])
    series = bench.keep(bench.method(series, "add_prefix", "__array_"))

    with pytest.raises(NotAllowedError, match="no array"):
        bench.call("numpy.asarray", [series])
    with pytest.raises(NotAllowedError, match="no array"):
        bench.batch(
            ("get_item", {"ref": series, "key": slice(None)}),
            ("call", {"target": "numpy.asarray", "args": [{"__type__": "result", "index": 0}]}),
        )


def test_texts_are_not_formatted(bench: Bench) -> None:
    text = bench.create("workbench.Text", "{0.__class__}")

    with pytest.raises(NotAllowedError):
        bench.method(text, "format", 1)
    with pytest.raises(NotAllowedError):
        bench.method(bench.create("collections.UserString", "{0}"), "format", 1)
    assert bench.method(text, "upper") == "{0.__CLASS__}"
    for target in ("logging.Formatter", "logging.config.dictConfig"):
        with pytest.raises(NotAllowedError):
            Bench("logging").call(target, "{args.__class__}")


def test_modules_classes_and_functions_belong_to_all_sessions(bench: Bench) -> None:
    for thing in (bench.read("workbench", "Thing"), bench.read("workbench", "add")):
        ref = bench.keep(thing)
        with pytest.raises(NotAllowedError, match="every session"):
            bench.set(ref, "kind", "other")


@pytest.mark.parametrize("target", ["numpy.array", "os.system", "json.loads", "builtins.len"])
def test_nothing_is_allowed_by_default(target: str) -> None:
    bench = Bench()

    with pytest.raises(NotAllowedError) as caught:
        bench.call(target)

    assert f"--allow {target.partition('.')[0]}" in caught.value.hint
    assert caught.value.code is ErrorCode.NOT_ALLOWED


def test_a_part_of_a_package_opens_that_part_only(tmp_path: Path) -> None:
    with workbench(tmp_path):
        bench = Bench("workbench.sub")

        assert bench.call("workbench.sub.twice", 4) == 8
        for target in ("workbench.add", "workbench.Thing", "workbench.late.here"):
            with pytest.raises(NotAllowedError, match="--allow workbench"):
                bench.call(target)
        for name in ("LIMIT", "opened"):
            with pytest.raises(NotAllowedError):
                bench.read("workbench", name)
        # Defined in the open part, whatever the name it is reached by.
        assert isinstance(bench.read("workbench", "Inner"), type)


def test_a_re_export_is_refused_with_the_package_that_defines_it(tmp_path: Path) -> None:
    with workbench(tmp_path):
        bench = Bench("workbench")

        with pytest.raises(NotAllowedError) as caught:
            bench.call("workbench.getLogger", "x")

    hint = "The operator allows that with --allow logging --allow-code-execution."
    assert caught.value.hint == hint


def test_the_operator_may_allow_code() -> None:
    free = Bench("builtins", "numpy", "operator", "pandas", code_execution=True)
    frame = free.create("pandas.DataFrame", {"a": [1, 2]})

    assert free.call("builtins.eval", "1 + 1") == 2
    assert free.method(frame, "eval", "a + 1").tolist() == [2, 3]
    assert free.method(frame, "apply", "sum").tolist() == [3]
    assert free.call("operator.attrgetter", "real")(3) == 3


def test_refusals_are_refusals_of_the_bridge(bench: Bench) -> None:
    with pytest.raises(BridgeError) as caught:
        bench.call("workbench.Loose", ["true"])

    assert caught.value.hint == "The operator allows that with --allow-code-execution."
