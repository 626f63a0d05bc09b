"""An array goes to a handler, is changed there, and comes back: raw bytes all the way.

Needs numpy. ``python examples/arrays.py``; the handler could as well be served elsewhere, and
``connect(target, encoding="msgpack")`` be the client.
"""

import asyncio

import numpy

from snakepit_bridge import Session, handles
from snakepit_bridge.testing import in_process_bridge


class Images:
    """What one does with pictures."""

    @handles("image.brighten")
    def brighten(self, session: Session, *, pixels: object, by: float) -> object:
        """Make a picture brighter; what arrives cannot be written to, so this makes a new one."""
        brighter = numpy.asarray(pixels, dtype="float32") * by
        return numpy.clip(brighter, 0, 255).astype("uint8")

    @handles("image.histogram")
    def histogram(self, session: Session, *, pixels: object) -> dict[str, object]:
        """Count how often each quarter of the brightness occurs."""
        counts, edges = numpy.histogram(numpy.asarray(pixels), bins=4, range=(0, 256))
        return {"counts": counts, "range": (float(edges[0]), float(edges[-1]))}


async def main() -> None:
    """Brighten a picture and look at both."""
    picture = numpy.arange(12, dtype="uint8").reshape(3, 4) * 20
    async with in_process_bridge(Images(), encoding="msgpack") as bridge:
        brighter = await bridge.call("image.brighten", {"pixels": picture, "by": 1.5})
        print(brighter.dtype, brighter.shape, "read-only:", not brighter.flags.writeable)
        print(brighter)
        for each in (picture, brighter):
            print(await bridge.call("image.histogram", {"pixels": each}))


if __name__ == "__main__":
    asyncio.run(main())
