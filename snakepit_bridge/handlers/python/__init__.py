"""Calls into any allowed Python package."""
