"""The simulated card payments of "Reproducible Machine Learning for Credit Card Fraud Detection", chapter 3.

Customers and terminals are strewn over a square of 100 by 100; a customer pays at terminals within a radius, about an
own mean amount, mostly around noon. Three kinds of fraud follow one another: amounts over 220; two terminals a day
at which all payments are fraud for 28 days; three customers a day of whose payments a third are fraud, at five times
the amount, for 14 days. Order of draws, seeds and legacy generators are those published, so that it is the very same
data: 5,000 customers, 10,000 terminals and 183 days make 1,754,155 payments, 0.8369 % of them fraud.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from core.clock import DAY, SECOND, rfc3339, to_ms
from core.records import encode
from simulation.config import Fields

CUSTOMERS: Final = 5_000
TERMINALS: Final = 10_000
DAYS: Final = 183
START_MS: Final = to_ms(datetime(2018, 4, 1, tzinfo=UTC))
LABEL_DELAY_DAYS: Final = 7

SIDE: Final = 100.0
RADIUS: Final = 5.0
MEAN_AMOUNTS: Final = (5.0, 100.0)
PAYMENTS_A_DAY_MAX: Final = 4.0
NOON_S: Final = 43_200
NOON_SD_S: Final = 20_000
DAY_S: Final = DAY // SECOND

LARGE: Final = 220.0
TERMINALS_A_DAY: Final = 2
TERMINAL_DAYS: Final = 28
CUSTOMERS_A_DAY: Final = 3
CUSTOMER_DAYS: Final = 14
STOLEN_PART: Final = 3
STOLEN_TIMES: Final = 5


class Payments(NamedTuple):
    """A column each, in order of time. time_s: since the start; scenario: 1 amount, 2 terminal, 3 customer, 0 none.

    Where scenarios meet, the later one counts, as published.
    """

    time_s: npt.NDArray[np.int64]
    customer: npt.NDArray[np.int64]
    terminal: npt.NDArray[np.int64]
    amount: npt.NDArray[np.float64]
    scenario: npt.NDArray[np.int8]

    @property
    def fraud(self) -> npt.NDArray[np.bool_]:
        return self.scenario > 0

    @property
    def day(self) -> npt.NDArray[np.int64]:
        """Since the start, 0 for the first."""
        return self.time_s // DAY_S

    def first(self, count: int) -> "Payments":
        """So many of them."""
        return Payments(
            self.time_s[:count],
            self.customer[:count],
            self.terminal[:count],
            self.amount[:count],
            self.scenario[:count],
        )

    def times_ms(self) -> list[int]:
        return (START_MS + self.time_s * SECOND).tolist()  # type: ignore[no-any-return]


def payments(
    customers: int = CUSTOMERS, terminals: int = TERMINALS, days: int = DAYS, radius: float = RADIUS
) -> Payments:
    """All payments of so many customers at so many terminals in so many days."""
    drawn = np.random.RandomState(0)
    profiles = [
        (
            drawn.uniform(0, SIDE),
            drawn.uniform(0, SIDE),
            drawn.uniform(*MEAN_AMOUNTS),
            drawn.uniform(0, PAYMENTS_A_DAY_MAX),
        )
        for _ in range(customers)
    ]
    places = np.random.RandomState(1).uniform(0, SIDE, (terminals, 2))
    lives = []
    for customer, (x, y, mean_amount, a_day) in enumerate(profiles):
        near = np.flatnonzero(np.sqrt(((places - (x, y)) ** 2).sum(axis=1)) < radius).tolist()
        lives.append(_life(customer, mean_amount, a_day, near, days))
    time_s, customer_of, terminal_of, amount = np.concatenate([np.empty((4, 0)), *lives], axis=1)
    order = np.argsort(time_s, kind="stable")
    paid = Payments(
        time_s[order].astype(np.int64),
        customer_of[order].astype(np.int64),
        terminal_of[order].astype(np.int64),
        np.round(amount[order], 2),
        np.zeros(len(order), np.int8),
    )
    _defraud(paid, customers, terminals)
    return paid


def _life(customer: int, mean_amount: float, a_day: float, near: list[int], days: int) -> npt.NDArray[np.float64]:
    """A customer's payments in rows of time, customer, terminal, amount. A time outside its day is no payment."""
    drawn = np.random.RandomState(customer)
    terminal = random.Random(customer)
    paid: list[tuple[int, int, int, float]] = []
    for day in range(days):
        for _ in range(drawn.poisson(a_day)):
            time_s = int(drawn.normal(NOON_S, NOON_SD_S))
            if not 0 < time_s < DAY_S:
                continue
            amount = drawn.normal(mean_amount, mean_amount / 2)
            if amount < 0:
                amount = drawn.uniform(0, 2 * mean_amount)
            if near:
                paid.append((day * DAY_S + time_s, customer, terminal.choice(near), amount))
    return np.array(paid, np.float64).reshape(-1, 4).T


def _defraud(paid: Payments, customers: int, terminals: int) -> None:
    """Turn payments into frauds, in place, one scenario after the other."""
    day = paid.day
    paid.scenario[paid.amount > LARGE] = 1
    last = int(day[-1]) if len(day) else 0
    for today in range(last):
        hit = np.random.RandomState(today).choice(terminals, TERMINALS_A_DAY, replace=False)
        since, until = np.searchsorted(day, (today, today + TERMINAL_DAYS))
        paid.scenario[since:until][np.isin(paid.terminal[since:until], hit)] = 2
    for today in range(last):
        hit = np.random.RandomState(today).choice(customers, CUSTOMERS_A_DAY, replace=False)
        since, until = np.searchsorted(day, (today, today + CUSTOMER_DAYS))
        theirs = (since + np.flatnonzero(np.isin(paid.customer[since:until], hit))).tolist()
        stolen = random.Random(today).sample(theirs, k=len(theirs) // STOLEN_PART)
        paid.amount[stolen] *= STOLEN_TIMES
        paid.scenario[stolen] = 3


def events(paid: Payments) -> Iterator[bytes]:
    """The payments as records of the events topic: a card payment at a terminal, and nothing of device or place."""
    columns = zip(paid.times_ms(), paid.customer.tolist(), paid.terminal.tolist(), paid.amount.tolist(), strict=True)
    for number, (time_ms, customer, terminal, amount) in enumerate(columns):
        yield encode(
            {
                "event_id": f"h{number}",
                "type": "transaction",
                "user_id": f"c{customer}",
                "time": time_ms,
                "amount": amount,
                "currency": "USD",
                "merchant_id": f"t{terminal}",
            }
        )


def labels(paid: Payments, delay_days: float = LABEL_DELAY_DAYS) -> Iterator[Fields]:
    """What becomes known of the frauds, so many days after each, in that order: records of the feedback topic."""
    frauds = np.flatnonzero(paid.fraud)
    columns = zip(frauds.tolist(), paid.customer[frauds].tolist(), paid.time_s[frauds].tolist(), strict=True)
    for number, customer, time_s in columns:
        yield {
            "feedback_id": f"f{number}",
            "event_id": f"h{number}",
            "user_id": f"c{customer}",
            "label": "fraud",
            "source": "chargeback",
            "time": rfc3339(START_MS + time_s * SECOND + round(delay_days * DAY)),
        }
