"""What no allow-list opens by itself, because it does more than compute, as data.

An operator who allows a package means what it computes. Parts of it that execute text, unpickle,
load modules by name, reach into memory or change what all sessions share need
``--allow-code-execution`` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from snakepit_bridge.handlers.python import library
from snakepit_bridge.handlers.python.library import READS, RUNS, SHARES

UNPICKLES = "unpickles what it reads"
IMPORTS = "imports a module by its name"
ADDRESSES = "reads or makes objects of raw memory"
LOADS = "loads a library into this process"
OPENS = "opens any path"
TESTS = "is a test of the package, not the package"

_MODULES = {
    RUNS: (
        *("IPython", "ipykernel", "jupyter_client", "Cython", "setuptools", "pip", "pytest"),
        *("cloudpickle", "dill", "jsonpickle", "joblib", "multiprocess", "loky", "execnet"),
        *("Pyro4", "Pyro5", "rpyc", "ray", "pexpect", "plumbum", "sh", "invoke", "fabric"),
        *("RestrictedPython", "asteval", "jinja2", "mako", "numba", "numexpr", "simpleeval"),
        *("sympy", "six", "typing_extensions", "wrapt"),
        *("numpy.distutils", "numpy.f2py", "numpy.testing", "numpy._pytesttester"),
        *("pandas.core.computation", "pandas.io.clipboard"),
        *("PIL.ImageGrab", "PIL.ImageShow", "matplotlib.animation", "matplotlib.texmanager"),
        *("pyarrow.jvm", "pyarrow.vendored", "pydantic.v1", "pydantic.deprecated"),
        *("torch.classes", "torch.fx", "torch.jit", "torch.multiprocessing", "torch.ops"),
        *("torch.distributed", "torch.utils.cpp_extension"),
    ),
    UNPICKLES: (
        *("nltk.data", "numpy.lib.format", "numpy.random._pickle", "pandas.compat.pickle_compat"),
        *("pandas.io.pickle", "pandas.io.pytables", "torch.export", "torch.hub", "torch.package"),
        *("torch.serialization",),
    ),
    IMPORTS: ("importlib_metadata", "importlib_resources", "pandas.compat", "pkg_resources"),
    READS: ("numpy.compat",),
    SHARES: ("pandas._config", "polars.api", "polars.config", "polars.string_cache"),
    LOADS: ("cffi", "numpy.ctypeslib", "polars.plugins", "pyarrow.cffi", "pyarrow.cuda"),
    ADDRESSES: ("numpy.rec", "numpy._core.records", "numpy.core.records"),
    OPENS: ("pandas.io.common",),
    # All of them but what ``yaml`` itself offers for data that nobody trusts.
    "makes any object that a text names": (
        *("yaml.constructor", "yaml.cyaml", "yaml.loader", "yaml.representer"),
    ),
    "knows tokens and keys": ("snakepit_bridge",),
}

TEST_PARTS = frozenset({"_testing", "conftest", "test", "testing", "tests"})
"""What modules are called, anywhere within a package, that test it."""

INTERNAL = ("pandas.core",)
"""Modules through which no name leads, because their functions take more on trust."""

_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "PIL": {RUNS: ("eval", "unsafe_eval", "Image.show")},
    "attr": {"makes or changes classes and functions": ("make_class", "resolve_types")},
    "matplotlib": {SHARES: ("rc", "rc_file", "rcdefaults", "switch_backend", "use")},
    "msgspec": {"makes or changes classes and functions": ("defstruct",)},
    "networkx": {UNPICKLES: ("read_gpickle",)},
    "numpy": {
        ADDRESSES: (
            *("as_strided", "ndarray.ctypes", "BitGenerator.ctypes", "BitGenerator.cffi"),
            *("DummyArray",),
        ),
        READS: ("bmat",),
        RUNS: ("test",),
        SHARES: (
            *("set_bit_generator", "set_default_printstyle", "set_printoptions"),
            *("set_string_function", "setbufsize", "seterr", "seterrcall", "seterrobj"),
        ),
    },
    "pandas": {
        RUNS: ("DataFrame.eval", "DataFrame.query", "eval", "test", "Styler.from_custom_template"),
        UNPICKLES: ("HDFStore", "read_hdf", "read_pickle"),
        READS: (
            *("StylerRenderer.format", "StylerRenderer.format_index"),
            *("StylerRenderer.format_index_names",),
        ),
        SHARES: (
            *("option_context", "reset_option", "set_option", "set_eng_float_format"),
            *("register_dataframe_accessor", "register_series_accessor"),
            *("register_index_accessor", "register_extension_dtype", "register_writer"),
            *("register", "deregister"),
        ),
    },
    "polars": {
        UNPICKLES: (
            *("DataFrame.deserialize", "LazyFrame.deserialize", "Expr.deserialize"),
            *("Expr.from_json",),
        ),
        LOADS: ("Expr.register_plugin",),
        READS: ("SQLContext.register_globals",),
        SHARES: ("register_extension_type", "set_random_seed", "unregister_extension_type"),
    },
    "psutil": {RUNS: ("Popen",)},
    "pyarrow": {
        UNPICKLES: ("deserialize", "deserialize_from", "read_serialized", "PyExtensionType"),
        ADDRESSES: (
            *("foreign_buffer", "Array.from_buffers", "BinaryArray.from_buffers"),
            *("LargeBinaryArray.from_buffers", "LargeStringArray.from_buffers"),
            *("StringArray.from_buffers", "StructArray.from_buffers"),
        ),
        SHARES: (
            *("enable_signal_handlers", "jemalloc_set_decay_ms", "log_memory_allocations"),
            *("register_aggregate_function", "register_extension_type", "register_udf"),
            *("register_scalar_function", "register_tabular_function", "register_vector_function"),
            *("set_cpu_count", "set_io_thread_count", "set_memory_pool", "set_timezone_db_path"),
            *("unregister_extension_type",),
        ),
    },
    "pydantic": {
        "evaluates texts as types": ("ImportString", "TypeAdapter", "create_model"),
    },
    "scipy": {LOADS: ("LowLevelCallable",), RUNS: ("test",)},
    "torch": {RUNS: ("compile",), UNPICKLES: ("load",)},
    "yaml": {
        "makes any object that a text names": (
            *("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"),
        ),
        SHARES: (
            *("YAMLObject", "add_constructor", "add_implicit_resolver", "add_multi_constructor"),
            *("add_multi_representer", "add_path_resolver", "add_representer"),
        ),
    },
}


def _reasons(by_reason: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {name: why for why, names in by_reason.items() for name in names}


MODULES: Mapping[str, str] = _reasons(library.MODULES) | _reasons(_MODULES)
"""Modules with all that lies in them, and the reason."""

NAMES: Mapping[str, Mapping[str, str]] = {
    area: _reasons(names) for area, names in [*library.NAMES.items(), *_NAMES.items()]
}
"""Functions, classes and methods (``Class.method``) by the package that defines them, with reasons.

They execute text, unpickle, read or set attributes by name, change what other sessions use, or
reach beyond the memory of an array.
"""

MAKERS = {"numpy": frozenset({"memmap", "ndarray", "recarray"})}
"""Classes whose objects are fine, but that make objects out of any bytes when they are called."""


class ArgumentRule(msgspec.Struct, frozen=True):
    """An argument that callables of one package are not given, nor an attribute set by callers."""

    area: str
    name: str
    why: str
    is_state: bool = False
    """Whether objects that carry it, and it is true, are refused as well."""


ARGUMENTS = (
    ArgumentRule("matplotlib", "backend", IMPORTS),
    ArgumentRule("numpy", "allow_pickle", UNPICKLES, is_state=True),
    ArgumentRule("numpy", "pickle_kwargs", UNPICKLES),
    ArgumentRule("pandas", "backend", IMPORTS),
    ArgumentRule("sklearn", "data_home", "unpickles what lies there"),
    ArgumentRule("sklearn", "memory", "unpickles what lies there"),
    ArgumentRule("torch", "pickle_module", UNPICKLES),
    ArgumentRule("transformers", "trust_remote_code", "runs code from elsewhere"),
    ArgumentRule("datasets", "trust_remote_code", "runs code from elsewhere"),
)
"""Arguments that turn a call into another one; false and null are as good as nothing."""

CALLS_BY_NAME = {
    "pandas": frozenset(
        {
            *("agg", "aggregate", "apply", "crosstab", "map", "pipe", "pivot_table", "transform"),
        }
    )
}
"""Methods by package that call a method whose name is one of their arguments."""

NOT_BY_NAME = frozenset({"eval", "query", "load", "format"})
"""The names such a method is not given, besides those with underscores in front."""

MEMORY = ("__array_interface__", "__array_struct__", "__cuda_array_interface__")
"""Attributes by which an object tells at which address its numbers are."""

NEVER_READ = frozenset(
    {
        *("gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "cr_await", "cr_origin"),
        *("ag_frame", "ag_code", "ag_await", "f_back", "f_builtins", "f_code", "f_globals"),
        *("f_locals", "f_trace", "tb_frame", "tb_next", "func_globals", "func_code"),
        *("func_closure", "func_defaults", "func_dict", "im_class", "im_func", "im_self"),
        *("co_code", "co_consts", "co_names", "mro", "with_traceback"),
    }
)
"""Attributes that lead from an object into the interpreter."""
