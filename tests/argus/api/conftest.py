"""A server for each module, with a few records in its database."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus.store.store import Store
from core.clock import rfc3339
from core.records import Source
from tests.argus.api.running import MEMBER, Running, settings_for
from tests.argus.api.whole import Whole
from tests.argus.store.records import NOW_MS, alert, case, lock, rows, source_alert


async def seeded(store: Store) -> None:
    """Three alerts: of the member, of somebody else, and of an address; a case and a lock."""
    brute = alert(
        "theirs", user_id="bob", severity="CRITICAL", rule_id="brute_force_user", time=rfc3339(NOW_MS + 1_000)
    )
    address = Source("ip", "192.0.2.9")
    many = source_alert("many", address, [MEMBER, "bob"], severity="MEDIUM", time=rfc3339(NOW_MS + 2_000))
    shady = alert("shady", user_id=MEMBER, mode="shadow")
    cases = [case("c1", user_id=MEMBER, alert_ids=["mine"]), case("c2", user_id="bob", status="acknowledged")]
    await store.write(
        [
            *rows("alerts", [alert("mine", user_id=MEMBER), brute, many, shady]),
            *rows("cases", cases),
            *rows("locks", [lock("bob", until=None)]),
        ]
    )


@pytest.fixture(scope="module")
def api(tansu: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(tansu, tmp_path_factory.mktemp("api"), f"api-{uuid.uuid4().hex[:8]}.")
    with Running(settings, seeded) as running:
        running.stream.cases = {name: case(name, user_id=user) for name, user in (("c1", MEMBER), ("c2", "bob"))}
        yield running


WHOLE = pytest.StashKey[Whole]()


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """All of Argus in processes of its own, for the tests of this directory and ended with the last of them: name
    your own users."""
    folder = next(node for node in request.node.iter_parents() if node.path == Path(__file__).parent)
    if WHOLE not in folder.stash:
        running = Whole(tmp_path_factory.mktemp("whole"))

        def end() -> None:
            # Tests of another directory may come in between: those after them start their own.
            del folder.stash[WHOLE]
            running.__exit__()

        folder.stash[WHOLE] = running
        folder.addfinalizer(end)
        running.__enter__()
    return folder.stash[WHOLE]
