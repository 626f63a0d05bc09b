"""The names of the ``python.*`` commands, known before their code is loaded."""

COMMANDS = (
    *("python.call", "python.create", "python.call_method", "python.get_attribute"),
    *("python.set_attribute", "python.get_item", "python.length", "python.iterate"),
    *("python.release", "python.describe", "python.batch"),
)
