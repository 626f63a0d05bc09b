"""Binary data that are kept for a while, each known by an opaque handle."""
