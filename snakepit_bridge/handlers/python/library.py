"""What of Python's own library an allow-list opens by itself, as data."""

from __future__ import annotations

from collections.abc import Mapping

RUNS = "can run code or reach everything in this process"
READS = "reads or sets any attribute by its name"
MAKES = "makes or changes classes and functions"
SHARES = "changes what all sessions share"
OUTSIDE = "asks more of the computer than to compute"

COMPUTES = frozenset(
    {
        *("array", "base64", "binascii", "bisect", "builtins", "calendar", "cmath", "collections"),
        *("colorsys", "csv", "datetime", "decimal", "difflib", "errno", "fnmatch", "fractions"),
        *("functools", "graphlib", "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools"),
        *("json", "math", "numbers", "operator", "os.path", "pprint", "random", "re", "secrets"),
        *("statistics", "string", "struct", "textwrap", "time", "tomllib", "unicodedata"),
        *("urllib.parse", "uuid", "zlib", "zoneinfo"),
    }
)
"""Modules that were read and do nothing but compute, save for the ``NAMES`` in them.

All the others of Python's own library need ``--allow-code-execution`` as well: most of them open
files, start programs, import modules or set attributes somewhere.
"""

MODULES = {
    RUNS: (
        *("ast", "asyncio", "atexit", "bdb", "cProfile", "cmd", "code", "codeop", "compileall"),
        *("concurrent.futures.process", "copyreg", "ctypes", "dis", "distutils", "doctest"),
        *("ensurepip", "faulthandler", "gc", "http.server", "idlelib", "imp", "importlib"),
        *("inspect", "json.tool", "lib2to3", "linecache", "logging.config", "mailcap", "marshal"),
        *("multiprocessing", "nt", "optparse", "os", "pdb", "pickle", "pickletools", "pipes"),
        *("pkgutil", "posix", "profile", "pstats", "pty", "py_compile", "pydoc", "runpy"),
        *("shelve", "signal", "site", "subprocess", "sys", "test", "timeit", "tkinter", "trace"),
        *("traceback", "tracemalloc", "turtle", "types", "typing", "unittest", "venv"),
        *("webbrowser", "wsgiref", "xmlrpc", "antigravity", "zipapp", "zipimport"),
    ),
}
"""Modules with all that lies in them, by reason; no class that begins as one of theirs is made.

``_name`` counts as ``name``.
"""

NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "array": {"reaches into memory": ("array.buffer_info",)},
    "base64": {OUTSIDE: ("main", "test")},
    "builtins": {READS: ("str.format", "str.format_map")},
    "calendar": {
        SHARES: ("setfirstweekday", "LocaleTextCalendar", "LocaleHTMLCalendar"),
        OUTSIDE: ("different_locale", "main"),
    },
    "collections": {READS: ("UserString.format", "UserString.format_map")},
    "csv": {SHARES: ("register_dialect", "unregister_dialect", "field_size_limit")},
    "decimal": {SHARES: ("Context", "getcontext", "setcontext", "localcontext")},
    "functools": {
        MAKES: ("cached_property", "singledispatch", "singledispatchmethod", "total_ordering"),
        READS: ("update_wrapper", "wraps"),
    },
    "operator": {READS: ("attrgetter", "call", "methodcaller")},
    "os": {
        "tells the environment of this process": ("expandvars", "expanduser"),
        "looks at files": (
            *("exists", "getatime", "getctime", "getmtime", "getsize", "isdevdrive", "isdir"),
            *("isfile", "isjunction", "islink", "ismount", "lexists", "realpath", "samefile"),
            *("sameopenfile", "samestat", "abspath", "relpath"),
        ),
    },
    "pprint": {OUTSIDE: ("pp", "pprint", "PrettyPrinter.pprint")},
    "re": {SHARES: ("purge",)},
    "string": {READS: ("Formatter",)},
    "time": {
        OUTSIDE: ("clock_settime", "clock_settime_ns", "sleep"),
        SHARES: ("tzset",),
    },
    "uuid": {"runs programs to find a network card": ("getnode", "main", "uuid1")},
    "zoneinfo": {SHARES: ("reset_tzpath", "ZoneInfo.clear_cache")},
}
"""Functions, classes and methods (``Class.method``) that are closed, by first module and reason."""

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

HALVES = {
    **dict.fromkeys(("posix", "nt"), "os"),
    **dict.fromkeys(("posixpath", "ntpath", "genericpath"), "os.path"),
    **dict.fromkeys(("_blake2", "_md5", "_sha1", "_sha256", "_sha2", "_sha3"), "hashlib"),
    **dict.fromkeys(("_sha512",), "hashlib"),
    "_thread": "threading",
}
"""Modules that are a part of another one, beyond ``_name`` of ``name``."""
