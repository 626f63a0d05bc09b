"""Arrays, tables, bytes: values with a binary form."""
