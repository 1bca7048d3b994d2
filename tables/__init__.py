"""Keyed state: how it is packed, and how it is kept on disk."""
