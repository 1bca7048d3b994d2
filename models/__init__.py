"""Models that learn what is normal from the stream itself. `ensemble.Ensemble` is the way in."""
