"""The gRPC layer, without a wire."""
