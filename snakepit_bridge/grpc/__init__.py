"""The gRPC transport: wire in, wire out."""
