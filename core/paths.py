"""Paths that ordinary customers do not ask for."""

from functools import lru_cache
from typing import Final

# Parts of paths, in lower case: what scanners probe for, and where exports and administration live.
SENSITIVE: Final = (
    "/.env", "/.git", "/.aws", "/.ssh", "/.htaccess", "/admin", "/actuator", "/backup", "/cgi-bin", "/config",
    "/console", "/debug", "/dump", "/etc/passwd", "/export", "/internal", "/metrics", "/phpmyadmin", "/server-status",
    "/wp-", "/xmlrpc", "../", "%2e%2e", ".bak", ".sql",
)  # fmt: skip


@lru_cache(maxsize=4_096)
def is_sensitive(path: str) -> bool:
    """Whether a path is one of those."""
    text = path.lower()
    return any(part in text for part in SENSITIVE)
