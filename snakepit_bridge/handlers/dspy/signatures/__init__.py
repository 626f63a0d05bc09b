"""Signatures made from data."""
