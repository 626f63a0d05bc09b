"""Answers of language models, field by field, while they are being written."""
