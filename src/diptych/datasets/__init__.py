"""Datasets that are known: what they are, and how they are fetched and unpacked."""
