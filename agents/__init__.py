"""Thin Faust agents: take a partition batch, load state, let core decide, save, send."""
