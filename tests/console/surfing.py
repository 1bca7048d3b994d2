"""A browser without JavaScript: keeps cookies, reads forms out of pages and posts them."""

import http.client
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from tests.argus.api.running import PASSWORD, Answer, Running

FORM = "application/x-www-form-urlencoded"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class Form:
    """fields: as a browser would post them if nothing was changed."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []
        self.says = ""


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._in: Form | None = None
        self._area = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._in = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._in)
        if self._in is None:
            return
        if tag == "input" and given.get("name"):
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self._in.fields[given["name"]] = given.get("value", "on" if "checked" in given else "")
        elif tag == "textarea":
            self._area = given["name"]
            self._in.fields[self._area] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and ("selected" in given or self._select not in self._in.fields):
            self._in.fields[self._select] = given.get("value", "")
        elif tag == "button":
            self._in.buttons.append((given.get("name", ""), given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in = None
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._in is not None:
            self._in.says += data
            if self._area:
                self._in.fields[self._area] += data


class Surfer:
    """One browser. It follows redirects to our own pages only."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.cookies: dict[str, str] = {}
        self.at = ""
        self.last = Answer(0, {}, b"")

    @property
    def text(self) -> str:
        parser = _Forms()
        parser.feed(self.last.body.decode())
        return " ".join(" ".join(parser.text).split())

    @property
    def html(self) -> str:
        return self.last.body.decode()

    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.last.body.decode())
        return parser.forms

    def form(self, action: str) -> Form:
        found = [form for form in self.forms() if form.action == action]
        assert found, f"no form for {action} at {self.at}, but for {[form.action for form in self.forms()]}"
        return found[0]

    def get(self, path: str, follow: bool = True) -> Answer:
        return self._request("GET", path, None, {}, follow)

    def post(
        self, path: str, fields: Mapping[str, Any], follow: bool = True, headers: Mapping[str, str] | None = None
    ) -> Answer:
        body = urlencode(fields, doseq=True).encode()
        return self._request("POST", path, body, {"Content-Type": FORM, **(headers or {})}, follow)

    def submit(self, action: str, **changed: Any) -> Answer:
        """The form of that address on this page, with some fields changed."""
        form = self.form(action)
        return self.post(form.action, form.fields | changed)

    def log_in(self, name: str, password: str = PASSWORD) -> "Surfer":
        self.get("/login")
        self.submit("/login", name=name, password=password)
        assert "argus_session" in self.cookies, self.text
        return self

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], follow: bool
    ) -> Answer:
        sent = {**BROWSER, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            sent.setdefault("Origin", self._running.url)
        connection = http.client.HTTPConnection("127.0.0.1", self._running.port, timeout=240)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            given = response.getheaders()
            answer = Answer(response.status, {name.lower(): value for name, value in given}, response.read())
        finally:
            connection.close()
        for name, told in given:
            if name.lower() == "set-cookie":
                self._keep(told)
        self.at, self.last = path, answer
        if follow and answer.status == 303:
            where = unescape(answer.headers["location"])
            assert where.startswith("/"), where
            return self.get(where)
        return answer

    def _keep(self, told: str) -> None:
        name, _, value = told.partition(";")[0].partition("=")
        if value:
            self.cookies[name] = value
        else:
            self.cookies.pop(name, None)
