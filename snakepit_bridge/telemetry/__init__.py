"""What is told about commands: spans, metrics, log lines."""
