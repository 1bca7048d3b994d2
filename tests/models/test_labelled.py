import numpy as np
import pytest

from models.fitting import FITS, Awaited, Job, Outcome
from models.kept import FRAUD
from models.labelled import WARM_FRAUDS
from models.protocol import State
from models.words import AS_FRAUD, AS_LEGIT, HELD_OUT
from tests.models.labelling import DAY, FEATURES, START_MS, case, label, learner, lived, rows

ONLINE = {"logistic_regression": "decide"}
LOUD, QUIET = [1.0, 0.5, 0.5], [0.1, 0.5, 0.5]


def test_all_models_tell_fraud_from_the_rest_once_labels_have_come() -> None:
    taught = learner()
    lived(taught)
    loud, quiet = taught.score([LOUD, QUIET])
    assert set(loud) == {"logistic_regression", "random_forest", "gradient_boosting"}
    for name in loud:
        assert loud[name] > 0.99 > 0.9 > quiet[name]


def test_nothing_is_said_before_some_tens_of_frauds_are_known() -> None:
    taught = learner(modes=ONLINE)
    lived(taught, 4_000, labelled=False)
    for number in range(WARM_FRAUDS - 1):
        taught.tell(label(number), None)
    taught.turn()
    assert taught.score([LOUD]) == []
    taught.tell(label(WARM_FRAUDS), None)
    taught.turn()
    assert len(taught.score([LOUD])) == 1


def test_two_runs_learn_the_same_to_the_last_bit() -> None:
    one, other = learner(), learner()
    lived(one, 1_000)
    lived(other, 1_000)
    assert one.score(rows(50, 9)[0]) == other.score(rows(50, 9)[0])


def test_models_that_are_off_are_not_there_and_shadows_earn_no_weight() -> None:
    taught = learner(modes={"random_forest": "shadow", "gradient_boosting": "decide", "logistic_regression": "off"})
    lived(taught)
    assert set(taught.score([LOUD])[0]) == {"random_forest", "gradient_boosting"}
    trusted = taught.trusted()
    assert trusted["random_forest"] == 0.0
    assert trusted["gradient_boosting"] > 0.4


def test_what_nobody_disputed_counts_as_legitimate_when_the_delay_has_passed() -> None:
    taught = learner(delay_ms=7 * DAY)
    taught.keep([case(at, QUIET, tainted=at == 5) for at in range(400)])
    taught.turn()
    assert not taught.kept.column("learnt").any()
    taught.keep([case(400, QUIET, at_ms=START_MS + 8 * DAY)])
    taught.turn()
    learnt = taught.kept.column("learnt")[:400]
    assert set(learnt.tolist()) == {0, AS_LEGIT, HELD_OUT}
    assert np.flatnonzero(learnt == 0).tolist() == [5]  # tainted: silence says nothing of it
    assert 20 < np.count_nonzero(learnt == HELD_OUT) < 90


def test_silence_about_an_event_counts_once_however_long_it_waits_to_be_learnt() -> None:
    taught = learner(modes=ONLINE)
    lived(taught)
    while taught.epochs_left:
        taught.turn()
    late = [case(10_000 + at, QUIET, at=at) for at in range(600)]
    taught.score([QUIET] * len(late))
    taught.keep(late)
    before = taught.trust.counts_of("logistic_regression")[2]
    while not taught.kept.column("learnt")[-len(late) :].all():
        taught.turn(most=100)
    assert taught.trust.counts_of("logistic_regression")[2] - before == len(late)


def test_what_was_learnt_as_legitimate_and_turns_out_to_be_fraud_is_learnt_as_fraud() -> None:
    taught = learner(modes=ONLINE)
    lived(taught)
    place = int(np.flatnonzero(taught.kept.column("learnt") == AS_LEGIT)[0])
    assert taught.tell(label(place, time=START_MS + 30 * DAY), None) in ("joined", "changed")
    taught.turn()
    assert taught.kept.column("learnt")[place] == AS_FRAUD


def test_an_attack_repeated_slowly_for_weeks_does_not_come_to_look_normal() -> None:
    """Frauds are known elsewhere; then somebody repeats the same for weeks, some of it found and none of it
    disputed."""
    taught = learner(delay_ms=DAY)
    lived(taught, 3_000)
    before = taught.score([LOUD])[0]
    first = 3_000
    for day in range(28):
        quiet, frauds = rows(150, day)
        cases = [
            case(first + at, row, at_ms=START_MS + (3 + day) * DAY + at * 60_000)
            for at, (row, fraud) in enumerate(zip(quiet, frauds, strict=True))
            if not fraud
        ]
        cases += [
            case(first + 150 + at, LOUD, user="mallory", tainted=at % 2 == 0, at_ms=START_MS + (3 + day) * DAY)
            for at in range(6)
        ]
        for at, one in enumerate(cases):
            one.at = at
        taught.score([one.fraud_row or () for one in cases])
        taught.keep(cases)
        taught.turn()
        first += 1_000
    after = taught.score([LOUD])[0]
    assert min(before.values()) > 0.99
    assert min(after.values()) > 0.99


def test_a_user_who_disputes_everything_is_one_voice() -> None:
    taught = learner()
    lived(taught)
    taught.keep([case(10_000 + at, QUIET, user="mallory") for at in range(200)])
    for at in range(200):
        taught.tell(label(10_000 + at, user="mallory", time=START_MS + 9 * DAY), None)
    for _ in range(10):
        taught.turn()
    scores = taught.score([QUIET, LOUD])
    assert scores[0]["logistic_regression"] < scores[1]["logistic_regression"]
    assert scores[0]["gradient_boosting"] < scores[1]["gradient_boosting"]


def test_explanations_name_what_frauds_are_known_by() -> None:
    taught = learner()
    lived(taught)
    shares, of_quiet = taught.explain([LOUD, QUIET])
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=shares.__getitem__) == "sign"
    assert of_quiet == {}
    assert taught.explain([QUIET]) == learner().explain([LOUD]) == [{}]


class Slow(Awaited):
    """Fits that are done when the test says so."""

    def __init__(self, error: str = "") -> None:
        super().__init__(FITS)
        self.ready, self.jobs, self._error = False, list[str](), error

    def submit(self, job: Job, arrays: State) -> None:
        self.jobs.append(job.name)
        super().submit(job, arrays)

    def poll(self, name: str) -> tuple[Outcome, State] | None:
        if not self.ready:
            return None
        if self._error:
            return Outcome(Job(name, name), error="died"), {}
        return super().poll(name)


def test_events_are_scored_by_the_last_fit_until_the_next_is_done() -> None:
    fitting = Slow()
    taught = learner(fitting)
    lived(taught, 2_000)
    assert set(taught.score([LOUD])[0]) == {"logistic_regression"}
    fitting.ready = True
    taught.turn()
    assert set(taught.score([LOUD])[0]) == {"logistic_regression", "random_forest", "gradient_boosting"}
    assert taught.swaps == 2


def test_a_fit_that_fails_leaves_things_as_they_are() -> None:
    fitting = Slow("died")
    taught = learner(fitting)
    lived(taught, 2_000)
    fitting.ready = True
    taught.turn()
    assert set(taught.score([LOUD])[0]) == {"logistic_regression"}


def test_forests_are_grown_anew_after_so_many_new_frauds_and_not_with_each_batch() -> None:
    fitting = Slow()
    taught = learner(fitting, modes={"random_forest": "decide"})
    lived(taught, 3_000)
    count = fitting.jobs.count("random_forest/0")
    assert 3 <= count <= 6
    lived(taught, 600, first=3_000, labelled=False)
    assert fitting.jobs.count("random_forest/0") == count


def test_a_long_past_does_not_keep_forests_from_being_grown_anew() -> None:
    fitting = Slow()
    taught = learner(fitting, modes={"random_forest": "decide"})
    lived(taught, 3_000)
    taught.frauds += 10_000
    taught.fitted_frauds["random_forest"] = taught.frauds
    count = len(fitting.jobs)
    lived(taught, 1_400, first=3_000)
    assert count < len(fitting.jobs) <= count + 3


class Noting(Awaited):
    """Notes from how many frauds a forest is grown."""

    frauds = 0

    def submit(self, job: Job, arrays: State) -> None:
        self.frauds = int(arrays["frauds"].sum())
        super().submit(job, arrays)


def test_forests_do_not_wait_until_online_models_have_come_so_far() -> None:
    fitting = Noting()
    taught = learner(fitting)
    lived(taught)
    before = np.count_nonzero(taught.kept.column("label") == FRAUD)
    taught.keep([case(1_400 + at, LOUD, at=at, device="thief's", network_mark=99) for at in range(200)])
    for at in range(200):
        taught.tell(label(1_400 + at, time=START_MS + 9 * DAY), None)
    taught.turn(1)
    assert fitting.frauds == before + 200


def test_authority_is_earned_by_trust_and_by_frauds_that_are_kept_and_not_by_shadows() -> None:
    taught, shadow = learner(), learner(modes={"random_forest": "shadow"})
    told = [taught.authority()]
    for first in (0, 1_400, 2_800):
        lived(taught, first=first)
        known = np.count_nonzero(taught.kept.column("label") == FRAUD)
        told.append(taught.authority())
        earned = min(1.0, max(taught.trusted().values()) / 0.5)
        assert told[-1] == pytest.approx(earned * known / (known + 100))
    assert told == sorted(told)
    assert (told[0], told[-1] > 0.3) == (0.0, True)
    lived(shadow)
    assert shadow.score([LOUD])
    assert shadow.authority() == 0.0


def test_what_is_kept_stays_within_its_bound() -> None:
    taught = learner(rows_most=1_000, modes=ONLINE)
    lived(taught, 6_000)
    assert taught.kept.count <= 1_000
    assert taught.score([LOUD])[0]["logistic_regression"] > 0.9


def test_a_row_of_each_feature_is_asked_for() -> None:
    assert learner().features == FEATURES
