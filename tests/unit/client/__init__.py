"""A client of the bridge, without a server."""
