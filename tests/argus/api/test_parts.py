"""The small parts by themselves."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.api.alerts import concerns, for_member
from argus.api.form import Form, risk
from argus.api.once import Once, checked
from argus.api.problems import Problem
from argus.api.rates import Rates
from argus.api.recent import Recent
from argus.api.watch import address
from core.records import Reason
from tests.argus.store.records import alert


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    now = [0.0]
    rates = Rates(2.0, 3.0, clock=lambda: now[0])
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert rates.take("b") == 0
    now[0] = 0.5
    assert [rates.take("a"), rates.take("a")] == [0, 1]
    now[0] = 1_000.0
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 1]


def test_what_is_given_back_may_be_taken_again_and_no_more_than_the_burst() -> None:
    rates = Rates(0.1, 2.0, clock=lambda: 0.0)
    assert [rates.take("a") for _ in range(3)] == [0, 0, 10]
    rates.give_back("a")
    assert [rates.take("a"), rates.take("a")] == [0, 10]
    for _ in range(5):
        rates.give_back("a")
    assert [rates.take("a") for _ in range(3)] == [0, 0, 10]


def test_a_record_is_waited_for_until_it_is_acceptable() -> None:
    async def story() -> None:
        recent: Recent[int] = Recent(10, lambda new, old: new > old)
        waiting = asyncio.create_task(recent.wait("k", 10, lambda number: number >= 3))
        for number in (1, 2, 5, 4):
            await asyncio.sleep(0)
            recent.put("k", number)
        assert await waiting == 5
        assert recent.get("k") == 5
        assert await recent.wait("other", 0) is None
        assert not recent._waiting

    asyncio.run(story())


def test_no_more_is_remembered_than_the_bound() -> None:
    recent: Recent[int] = Recent(3)
    for number in range(10):
        recent.put(str(number), number)
    assert len(recent) == 3
    assert recent.get("9") == 9


def test_those_who_come_at_once_with_one_key_get_one_answer() -> None:
    async def story() -> None:
        once: Once[int] = Once(clock=lambda: 0.0)
        begun = []

        async def act() -> int:
            begun.append(1)
            await asyncio.sleep(0)
            return len(begun)

        assert await asyncio.gather(*(once("k", b"x", act) for _ in range(5))) == [1] * 5
        with pytest.raises(Problem):
            await once("k", b"y", act)

    asyncio.run(story())


def test_what_failed_may_be_tried_again() -> None:
    async def story() -> None:
        once: Once[int] = Once()

        async def fail() -> int:
            raise ValueError("not now")

        async def work() -> int:
            return 7

        with pytest.raises(ValueError, match="not now"):
            await once("k", b"", fail)
        assert await once("k", b"", work) == 7

    asyncio.run(story())


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\n"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Problem):
        checked(key)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [(0, "192.0.2.1", "10.0.0.9"), (1, "192.0.2.1", "192.0.2.1"), (1, "6.6.6.6, 192.0.2.1", "192.0.2.1"),
     (2, "6.6.6.6, 192.0.2.1, 10.0.0.1", "192.0.2.1"), (2, "192.0.2.1", "10.0.0.9"), (1, "nonsense", "10.0.0.9"),
     (1, "", "10.0.0.9")],
)  # fmt: skip
def test_an_address_is_believed_only_from_our_own_proxies(proxies: int, forwarded: str, found: str) -> None:
    request: Any = SimpleNamespace(headers={"X-Forwarded-For": forwarded}, remote="10.0.0.9")
    assert address(request, proxies) == found


counts = st.integers(0, 1_000_000)


@given(st.floats(0.01, 1e15), counts, counts, st.floats(0, 100_000))
def test_a_form_is_riskier_the_more_of_each_but_age(amount: float, logins: int, failed: int, age: float) -> None:
    form = Form(transaction_amount=amount, login_attempts=logins, failed_transactions=failed, account_age=age)
    more = Form(
        transaction_amount=amount * 2, login_attempts=logins + 1, failed_transactions=failed + 1, account_age=age / 2
    )
    assert 0 <= risk(form) <= risk(more) <= 100


def test_a_member_is_not_told_what_another_did() -> None:
    path = Reason("ring_member", 0.05, "Shares device d1 with bob, whose fraud was confirmed 3 days ago")
    own = Reason("impossible_travel", 0.5, "From Köln to Lima in 2 hours")
    told = for_member(alert(user_id="ada", reasons=[path, own]))
    assert told.reasons == [own]
    assert concerns(told, "ada")
    assert not concerns(alert(user_id="ada", rule_id="ring_member"), "ada")
