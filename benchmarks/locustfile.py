"""Load on the HTTP API, by Locust: shops that send lists of events and ask for scores, and people at work on alerts.

    argus up --no-simulate                      # in another terminal, same directory
    locust -f benchmarks/locustfile.py --headless -u 50 -r 10 --run-time 30s --host http://127.0.0.1:8080

Tokens are signed with the secret of ARGUS_SECRET, or of ARGUS_DATA_DIR (`data` by default): the server's own.
Whatever is not answered as it should be counts as a failure, and Locust's exit status is 1 then.
"""

import os
import random
import time
import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from locust import FastHttpUser, constant_throughput, task
from locust.env import Environment

from argus.api.route import Role
from argus.api.tokens import Tokens
from argus.secret import secret_of
from argus.settings import load_settings

USERS: Final = 5_000
LIST: Final = int(os.environ.get("LOAD_LIST", "100"))
TOKEN_S: Final = 86_400.0
CITIES: Final = (("GB", 51.5, -0.1), ("DE", 52.5, 13.4), ("FR", 48.9, 2.4), ("US", 40.7, -74.0), ("JP", 35.7, 139.7))

_tokens: Final = Tokens(secret_of(load_settings(os.environ)))
_numbers: Final = count()


def events(size: int, seed: int | None = None) -> Iterator[dict[str, Any]]:
    """Honest users at home: logins, pages and payments of now; each user has one place and one device."""
    draw = random.Random(seed)
    for _ in range(size):
        number = int(USERS * draw.random() ** 2)
        country, lat, lon = CITIES[number % len(CITIES)]
        event = {
            "event_id": uuid.uuid4().hex,
            "user_id": f"load-{number}",
            "time": time.time_ns() // 1_000_000,
            "ip": f"198.51.{number % 250}.{number // 250 + 1}",
            "device_id": f"device-{number}",
            "country": country,
            "lat": lat,
            "lon": lon,
        }
        kind = draw.choices(("page_view", "login", "transaction"), (70, 20, 10))[0]
        yield event | {"type": kind} | (payment(draw) if kind == "transaction" else {})


def payment(draw: random.Random) -> dict[str, Any]:
    """A sum of an everyday size."""
    amount = round(draw.lognormvariate(3.2, 0.8), 2)
    return {"amount": amount, "currency": "EUR", "merchant_id": f"shop-{draw.randrange(200)}"}


class Somebody(FastHttpUser):
    """With a token of its own, so that rates are counted as they are for as many callers."""

    abstract = True
    role: Role

    def __init__(self, environment: Environment) -> None:
        self.subject = f"{self.role}-{next(_numbers)}"
        self.default_headers = {"Authorization": f"Bearer {_tokens.create(self.role, self.subject, TOKEN_S)}"}
        super().__init__(environment)

    def read(self, path: str, name: str | None = None) -> Any:
        """The answer; None where it is an error, which Locust counts."""
        with self.rest("GET", path, name=name or path.partition("?")[0]) as answer:
            return answer.js if answer.status_code == 200 else None


class Shop(Somebody):
    """Two requests a second: lists of events, and payments that wait for their decision."""

    weight = 6
    role = "service"
    wait_time = constant_throughput(2)

    @task(3)
    def send(self) -> None:
        self.client.post("/v1/events", json=list(events(LIST)), name=f"/v1/events ({LIST})")

    @task(2)
    def score(self) -> None:
        (event,) = events(1)
        self.client.post("/v1/score", json=event | {"type": "transaction"} | payment(random.Random()))


class Analyst(Somebody):
    """One page a second: the newest alerts, one of them, its user, the cases, the figures."""

    weight = 3
    role = "analyst"
    wait_time = constant_throughput(1)

    @task(4)
    def alerts(self) -> None:
        page = self.read("/v1/alerts?limit=50")
        for alert in (page or {"items": []})["items"][:1]:
            self.read(f"/v1/alerts/{alert['alert_id']}", "/v1/alerts/[alert_id]")
            if alert["user_id"]:
                self.read(f"/v1/users/{alert['user_id']}", "/v1/users/[user_id]")

    @task(2)
    def cases(self) -> None:
        self.read("/v1/cases?status=open,acknowledged,investigating&limit=50")

    @task(1)
    def figures(self) -> None:
        self.read("/v1/analytics/summary")


class Member(Somebody):
    """Somebody looks at the own account now and then."""

    weight = 1
    role = "member"
    wait_time = constant_throughput(0.5)

    @task
    def page(self) -> None:
        self.read(f"/v1/users/{self.subject}", "/v1/users/[user_id]")
