"""The encoding ``msgpack``: MessagePack that loses nothing."""
