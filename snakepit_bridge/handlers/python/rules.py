"""What no allow-list opens by itself, because it runs code, as data.

An operator who allows a package means what it computes. Parts of it that execute text, unpickle,
load modules by name or reach into memory need ``--allow-code-execution`` as well.
"""

from __future__ import annotations

import msgspec

RUNS_CODE = frozenset(
    {
        # They run programs and code, or look into the interpreter.
        *("ast", "asyncio", "atexit", "bdb", "cProfile", "cffi", "cmd", "code", "codeop"),
        *("copyreg", "ctypes", "dis", "distutils", "doctest", "ensurepip", "faulthandler", "gc"),
        *("idlelib", "imp", "importlib", "inspect", "lib2to3", "linecache", "mailcap", "marshal"),
        *("multiprocessing", "nt", "os", "pdb", "pickle", "pickletools", "pkgutil", "posix"),
        *("profile", "pstats", "pty", "py_compile", "compileall", "pydoc", "runpy", "shelve"),
        *("signal", "site", "subprocess", "sys", "test", "timeit", "tkinter", "trace"),
        *("traceback", "tracemalloc", "turtle", "types", "typing", "unittest", "venv"),
        *("webbrowser", "antigravity", "zipapp", "zipimport", "logging.config"),
        *("concurrent.futures.process", "wsgiref", "xmlrpc", "http.server"),
        # The same of packages that are not Python's own.
        *("IPython", "ipykernel", "jupyter_client", "Cython", "setuptools", "pip", "pytest"),
        *("cloudpickle", "dill", "jsonpickle", "joblib", "multiprocess", "loky", "execnet"),
        *("Pyro4", "Pyro5", "rpyc", "ray", "pexpect", "plumbum", "sh", "invoke", "fabric"),
        *("RestrictedPython", "jinja2", "mako", "numexpr", "sympy", "typing_extensions"),
        # Parts of popular packages.
        *("numpy.compat", "numpy.ctypeslib", "numpy.distutils", "numpy.f2py", "numpy.testing"),
        *("numpy._pytesttester", "numpy.random._pickle"),
        *("pandas._config", "pandas.compat.pickle_compat", "pandas.core.computation"),
        *("pandas.io.clipboard", "pandas.io.pickle", "pandas.io.pytables"),
        *("pyarrow.cffi", "pyarrow.cuda", "pyarrow.jvm"),
        *("torch.classes", "torch.hub", "torch.jit", "torch.multiprocessing", "torch.ops"),
        *("torch.package", "torch.serialization", "torch.utils.cpp_extension", "nltk.data"),
        # The bridge itself, which knows tokens and keys.
        "snakepit_bridge",
    }
)
"""Modules with all that lies in them."""

ONLY_COMPUTES = ("os.path",)
"""What is fine within them."""

INTERNAL = ("pandas.core",)
"""Modules through which no name leads, because their functions take more on trust."""

NAMES = {
    "argparse": {"Namespace"},
    "builtins": {"str.format", "str.format_map"},
    "collections": {"UserString.format", "UserString.format_map"},
    "dataclasses": {"make_dataclass"},
    "functools": {"update_wrapper", "wraps"},
    "imaplib": {"IMAP4_stream"},
    "io": {"open", "open_code"},
    "logging": {"Formatter", "StrFormatStyle", "PercentStyle"},
    "networkx": {"read_gpickle"},
    "numpy": {
        *("as_strided", "bmat", "ndarray.ctypes", "BitGenerator.ctypes", "BitGenerator.cffi"),
        *("test", "DummyArray"),
    },
    "operator": {"attrgetter", "call", "methodcaller"},
    "pandas": {
        *("DataFrame.eval", "DataFrame.query", "HDFStore", "eval", "option_context", "read_hdf"),
        *("read_pickle", "set_option", "test", "Styler.from_custom_template"),
        *("register_dataframe_accessor", "register_series_accessor", "register_index_accessor"),
        *("StylerRenderer.format", "StylerRenderer.format_index"),
        *("StylerRenderer.format_index_names",),
    },
    "polars": {
        *("DataFrame.deserialize", "LazyFrame.deserialize", "Expr.deserialize", "Expr.from_json"),
        *("Config.load", "Config.load_from_file"),
    },
    "psutil": {"Popen"},
    "pyarrow": {"foreign_buffer", "deserialize", "deserialize_from", "read_serialized"},
    "scipy": {"LowLevelCallable", "test"},
    "shutil": {"register_archive_format", "register_unpack_format"},
    "sqlite3": {"Connection.enable_load_extension", "Connection.load_extension"},
    "string": {"Formatter"},
    "threading": {"setprofile", "setprofile_all_threads", "settrace", "settrace_all_threads"},
    "torch": {"compile", "load"},
    "yaml": {
        *("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"),
        *("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"),
        *("add_constructor", "add_multi_constructor"),
    },
}
"""Functions, classes and methods (``Class.method``) by the package that defines them.

They execute text, unpickle, read or set attributes by name, change what other sessions use, or
reach beyond the memory of an array.
"""

BUILTINS = frozenset(
    {
        *("abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr"),
        *("complex", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "hash", "hex"),
        *("int", "isinstance", "issubclass", "iter", "len", "list", "map", "max", "memoryview"),
        *("min", "next", "oct", "ord", "pow", "range", "repr", "reversed", "round", "set"),
        *("slice", "sorted", "str", "sum", "tuple", "zip"),
    }
)
"""What ``--allow builtins`` means; the others execute, open, print, or reach everything."""


class ArgumentRule(msgspec.Struct, frozen=True):
    """An argument that callables of one package are not given."""

    area: str
    name: str
    why: str


ARGUMENTS = (
    ArgumentRule("numpy", "allow_pickle", "unpickles what it reads"),
    ArgumentRule("numpy", "pickle_kwargs", "unpickles what it reads"),
    ArgumentRule("pandas", "backend", "imports a module by its name"),
    ArgumentRule("torch", "pickle_module", "unpickles what it reads"),
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

MEMORY = ("__array_interface__", "__cuda_array_interface__")
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

HALVES = {
    **dict.fromkeys(("posix", "nt"), "os"),
    **dict.fromkeys(("posixpath", "ntpath", "genericpath"), "os.path"),
    **dict.fromkeys(("_blake2", "_md5", "_sha1", "_sha256", "_sha2", "_sha3"), "hashlib"),
    **dict.fromkeys(("_sha512",), "hashlib"),
    "_thread": "threading",
}
"""Modules of Python's own library that are a part of another one, beyond ``_name`` of ``name``."""
