"""The parts of the ``dspy.*`` commands, with the real DSPy and the offline model."""
