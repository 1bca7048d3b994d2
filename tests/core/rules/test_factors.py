from core.rules.book import RuleBook
from core.rules.entry import Example, Hit
from core.rules.trial import answers

BOOK = RuleBook()
DENIED = {"type": "otp", "outcome": "failure", "attributes": {"mfa": "push"}}
WRONG = {"type": "otp", "outcome": "failure"}


def test_denied_requests_and_wrong_codes_are_told_as_what_they_are_together() -> None:
    pushes = tuple({**DENIED, "at": n * 30} for n in range(4))
    for rule_id, last in (("otp_guessing", WRONG), ("mfa_bombing", DENIED)):
        events = (*pushes[:3], {**WRONG, "at": 100}, {**last, "at": 120})
        said = answers(BOOK, BOOK.by_id[rule_id], Example(name="", events=events, hit=True))[-1]
        assert isinstance(said, Hit)
        assert said.text == "5 wrong codes or denied requests within 10 minutes"
        assert said.unless is not None
        assert said.unless.what == "wrong codes or denied requests"
