import pytest

from core.paths import is_sensitive


@pytest.mark.parametrize(
    "path", ["/.env", "/a/../../etc/passwd", "/WP-Admin/x", "/admin", "/%2E%2e/x", "/db.sql", "/.git/config"]
)
def test_what_scanners_probe_for_is_sensitive(path: str) -> None:
    assert is_sensitive(path)


@pytest.mark.parametrize(
    "path", ["/", "/account/settings", "/item/42", "/checkout", "/search?q=environment", "/help/login"]
)
def test_what_customers_read_is_not(path: str) -> None:
    assert not is_sensitive(path)
