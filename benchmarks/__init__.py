"""What the bridge costs, as ratios to bare gRPC measured in the same run."""
