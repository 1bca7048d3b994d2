"""The boards as code: `python -m grafana` writes `grafana/boards/*.json`, which Grafana reads as they are."""
