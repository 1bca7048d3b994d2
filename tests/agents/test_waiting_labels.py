from pathlib import Path

from rocksdict import Cache

from agents.waiting_labels import WAITING_PREFIX, WaitingLabels
from core.records import Feedback
from models.labelled import EARLY_MOST
from tables.store import Store


def label(number: int) -> Feedback:
    return Feedback(
        feedback_id=f"f{number}",
        event_id=f"e{number}",
        user_id="u",
        label="fraud",
        source="otp",
        time=1_790_000_000_000 + number,
    )


def test_beyond_the_bound_the_first_is_forgotten_and_a_label_heard_again_is_no_other() -> None:
    waiting, state = WaitingLabels(), dict[bytes, bytes | None]()
    for number in range(EARLY_MOST):
        waiting.keep(label(number), state)
    waiting.keep(label(1), state)
    assert None not in state.values()
    waiting.keep(label(EARLY_MOST), state)
    first = next(iter(state))
    assert [key for key, value in state.items() if value is None] == [first]
    assert all(key.startswith(WAITING_PREFIX) for key in state)


def test_what_is_restored_is_what_waited_in_order_of_time_without_what_cannot_be_read(tmp_path: Path) -> None:
    state: dict[bytes, bytes | None] = {}
    for number in (5, 3, 4):
        WaitingLabels().keep(label(number), state)
    broken = WAITING_PREFIX + bytes(8)
    store = Store(tmp_path / "store", Cache(1 << 20))
    store.write(state | {broken: b"{"}, 1)
    waiting = WaitingLabels()
    found, gone = waiting.restore(store)
    assert [one.event_id for one in found.values()] == ["e3", "e4", "e5"]
    assert gone == [broken]
    (here,) = waiting.come([next(iter(found)), 7])
    assert here in state
    assert waiting.come(found) != []
    assert waiting.come(found) == []
    store.close()
