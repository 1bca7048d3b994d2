"""The shell around the core: command line, settings, topics, broker, metrics, replay."""

__version__ = "0.1.0"
