"""Binary data as they travel beside a value."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

Data: TypeAlias = bytes | memoryview

BYTES, TENSOR, ARROW = "bytes", "tensor", "arrow"
"""The kinds there are."""


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """Raw bytes with what it takes to read them.

    Elixir reads a tensor with ``Nx.from_binary`` and a table with ``Explorer``.
    """

    kind: str
    """``"bytes"``; ``"tensor"``: elements little-endian, row by row, nothing between them;
    ``"arrow"``: an Arrow IPC stream."""

    dtype: str = ""
    """Of a tensor the type of its elements as numpy names it, e.g. ``"float32"`` or
    ``"bfloat16"``. Of a table what it was: empty for one of Arrow, else e.g. ``"pandas"``,
    ``"pandas.series"``, ``"polars"``, ``"pyarrow.array"``; without that library a table of Arrow
    arrives."""

    shape: tuple[int, ...] = ()
    """Elements along each axis of a tensor; of none it is one number."""

    data: Data = b""
    """The bytes; a view has the format ``"B"``, one axis and no gaps. Empty where ``handle``
    says where they are."""

    handle: str = ""
    """Opaque name of data that are kept elsewhere."""

    def behind(self, handle: str) -> Blob:
        """The same without its data, which are kept elsewhere under a handle."""
        return Blob(kind=self.kind, dtype=self.dtype, shape=self.shape, handle=handle)

    def holding(self, data: Data) -> Blob:
        """The same with its data, which were kept elsewhere."""
        return Blob(kind=self.kind, dtype=self.dtype, shape=self.shape, data=data)

    @property
    def nbytes(self) -> int:
        """Bytes of the data that are in here."""
        return len(self.data)
