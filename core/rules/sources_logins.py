"""Attacks on many accounts at once, seen at an address, a network, or everywhere: failed logins and locks.

What keeps an office or a carrier's shared address quiet: only failures on a device or network that is new to the
claimed user count (a typo at one's own desk does not), beyond a user's first few; and most attempts that are new to
their users must fail, while people who change networks mostly get in. "All" also has to stand out from its own day.
"""

from collections import Counter

from core.clock import SECOND
from core.rules.entry import Answer, Example, Hit, Rule, Severity, Thresholds, event
from core.rules.unless import Unless, fewer, nearest
from core.signal import FAILED, FAILED_LOGIN, LOCKED, UNFAMILIAR, Signal
from core.source_state import LOGINS, Ring, SourceState, usual, windows
from core.wording import duration


def _failures(window: Ring, typos: int) -> tuple[Counter[int], float]:
    """Suspicious failures by user, and their share of all attempts that were new to their users, 0..1."""
    strange: Counter[int] = Counter()
    at_home: Counter[int] = Counter()
    successes = 0
    for _, user, _, flags in window:
        if not flags & UNFAMILIAR:
            at_home[user] += flags & FAILED
        elif flags & FAILED:
            strange[user] += 1
        else:
            successes += 1
    for user, count in at_home.items():
        if count > typos:
            strange[user] += count - typos
    failed = strange.total()
    return strange, failed / (failed + successes) if failed else 0.0


def _brute_force(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    for window in windows(state.rings[LOGINS], signal.time_ms, t["window_s"], least=t["failures"], flags=FAILED):
        users, share = _failures(window, int(t["typos"]))
        failed = users.total()
        if failed >= t["failures"] and share >= t["failed_share"]:
            who = "1 user" if len(users) == 1 else f"{len(users)} users"
            unless = fewer(failed, t["failures"], "such failed logins", t["window_s"])
            return Hit(Severity.MEDIUM, f"{failed} failed logins on {who} {_within(t['window_s'])}", unless=unless)
    return None


def _stuffing(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    for window in windows(state.rings[LOGINS], signal.time_ms, t["window_s"], least=t["attempts"], flags=FAILED):
        users, share = _failures(window, int(t["typos"]))
        if users.total() < t["attempts"] or len(users) < t["users"] or share < t["failed_share"]:
            continue
        few = sum(count <= t["attempts_each"] for count in users.values())
        if few >= t["users_share"] * len(users):
            text = f"{users.total()} failed logins on {len(users)} users {_within(t['window_s'])}, few on each"
            return Hit(
                Severity.HIGH,
                text,
                unless=_unless(users.total(), len(users), t["attempts"], t["users"], t["window_s"]),
            )
    return None


def _spray(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    for window in windows(state.rings[LOGINS], signal.time_ms, t["window_s"], least=t["attempts"], flags=FAILED):
        if window[-1][0] - window[0][0] >= t["spread_s"] * 1000:
            users, share = _failures(window, int(t["typos"]))
            tried = [count for count in users.values() if t["attempts_each_min"] <= count <= t["attempts_each_max"]]
            if len(tried) >= t["users"] and sum(tried) >= t["attempts"] and share >= t["failed_share"]:
                text = f"{sum(tried)} failed logins spread over {len(tried)} users {_within(t['window_s'])}"
                return Hit(
                    Severity.HIGH,
                    text,
                    unless=_unless(sum(tried), len(tried), t["attempts"], t["users"], t["window_s"]),
                )
    return None


def _spray_many(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    hit = _sprayed(state, signal, t, t["window_s"], t["users"], Severity.HIGH)
    return hit or _sprayed(state, signal, t, t["slow_window_s"], t["slow_users"], Severity.MEDIUM)


def _sprayed(
    state: SourceState, signal: Signal, t: Thresholds, window_s: float, least_users: float, severity: Severity
) -> Hit | None:
    least = max(t["attempts"], t["times_usual"] * usual(state, FAILED_LOGIN, signal.time_ms, window_s))
    strange = FAILED | UNFAMILIAR
    for window in windows(state.rings[LOGINS], signal.time_ms, window_s, least=least, flags=strange):
        if len({ip for _, _, ip, _ in window}) < t["ips"]:
            continue
        users, share = _failures(window, len(window))
        sprayed = {user for user, count in users.items() if count <= t["attempts_each"]}
        failed = sum(users[user] for user in sprayed)
        if len(sprayed) < least_users or failed < least or share < t["failed_share"]:
            continue
        ips = {ip for _, user, ip, flags in window if flags & FAILED and user in sprayed}
        if len(ips) >= t["ips"]:
            who = f"{len(sprayed)} users from {len(ips)} addresses"
            unless = _unless(failed, len(sprayed), least, least_users, window_s)
            return Hit(severity, f"{failed} failed logins on {who} {_within(window_s)}", unless=unless)
    return None


def _lockouts(state: SourceState, signal: Signal, t: Thresholds) -> Answer:
    least = max(t["locks"], t["times_usual"] * usual(state, LOCKED, signal.time_ms, t["window_s"]))
    for window in windows(state.rings[LOCKED], signal.time_ms, t["window_s"], least=least):
        users = len({user for _, user, _, _ in window})
        if users >= t["users"]:
            unless = nearest(
                fewer(len(window), least, "locks or challenges", t["window_s"]),
                fewer(users, t["users"], "users locked or challenged", t["window_s"]),
            )
            text = f"{len(window)} locks or challenges on {users} users {_within(t['window_s'])}"
            return Hit(Severity.HIGH, text, unless=unless)
    return None


def _unless(failed: int, users: int, least: float, least_users: float, window_s: float) -> Unless:
    """Of failures on many users: of either, fewer."""
    return nearest(
        fewer(failed, least, "such failed logins", window_s),
        fewer(users, least_users, "users among them", window_s),
    )


def _within(window_s: float) -> str:
    return "within " + duration(window_s * SECOND)


def _failed(users: int, each: int, every_s: float, ips: int = 1, start: float = 0.0) -> tuple[dict[str, object], ...]:
    """Failed logins, user after user and round after round, from `ips` addresses of one network in turn."""
    return tuple(
        event(
            "login",
            start + every_s * n,
            user_id=f"u{n % users + 1}",
            outcome="failure",
            ip=f"203.0.113.{n % ips + 1}",
            device_id="bot",
        )
        for n in range(users * each)
    )


def _office(people: int, failures: int, every_s: float) -> tuple[dict[str, object], ...]:
    """A shared address: everybody signs in on a device of their own; later some mistype once or twice."""
    at_desk = [{"user_id": f"u{n}", "ip": "198.51.100.7", "device_id": f"d{n}"} for n in range(people)]
    first = [event("login", -86_400.0 + n, **desk) for n, desk in enumerate(at_desk)]
    typos = [event("login", n * every_s, outcome="failure", **at_desk[n % people]) for n in range(failures)]
    return (*first, *typos)


def _moving(people: int, failing: int) -> tuple[dict[str, object], ...]:
    """A carrier's shared address: known devices on a network new to them; some mistype before they get in."""
    home = [{"user_id": f"u{n}", "ip": f"192.0.2.{n}", "device_id": f"d{n}"} for n in range(people)]
    story = [event("login", -86_400.0 + n, **fields) for n, fields in enumerate(home)]
    for n in range(people):
        carrier = {"user_id": f"u{n}", "ip": "198.51.100.9", "device_id": f"d{n}"}
        if n < failing:
            story.append(event("login", n * 10.0, outcome="failure", **carrier))
        story.append(event("login", n * 10.0 + 5, **carrier))
    return tuple(story)


RULES: tuple[Rule, ...] = (
    Rule(
        id="brute_force_ip",
        title="Brute force from one address",
        kind="SECURITY",
        severity=Severity.MEDIUM,
        scope="source",
        types=(FAILED_LOGIN,),
        sources=("ip",),
        check=_brute_force,
        thresholds={"failures": 20, "window_s": 3_600, "failed_share": 0.5, "typos": 3},
        period_s=3_600,
        weight=0.4,
        attack=("T1110",),
        suggest=("Rate-limit or block the address", "Check which of its logins succeeded"),
        words="20 failed logins from one address within 60 minutes, most attempts failing.",
        default_source="Panther",
        gaps="An attacker who knows the user's device and network looks like typing errors, three to a user.",
        examples=(
            Example(name="20 failures on one user in 10 minutes", events=_failed(1, 20, 30), hit=True),
            Example(name="19 failures", events=_failed(1, 19, 30), hit=False),
            Example(name="20 failures in 2 hours", events=_failed(1, 20, 360), hit=False),
            Example(name="30 typing errors of 40 people in one office", events=_office(40, 30, 60), hit=False),
        ),
    ),
    Rule(
        id="credential_stuffing",
        title="Credential stuffing",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="source",
        types=(FAILED_LOGIN,),
        sources=("ip",),
        check=_stuffing,
        thresholds={
            "attempts": 25,
            "users": 15,
            "attempts_each": 2,
            "users_share": 0.8,
            "window_s": 900,
            "failed_share": 0.5,
            "typos": 3,
        },
        period_s=3_600,
        weight=0.7,
        attack=("T1110.004", "OAT-008"),
        suggest=("Block the address", "Reset passwords of users whose login succeeded from there"),
        words="One address within 15 minutes: 25 failed logins on 15 users, at most 2 on each of 80 % of them.",
        default_source="Elastic",
        gaps="Stuffing from a fresh address for every login is seen only by `password_spray_many`.",
        examples=(
            Example(name="15 users, 2 attempts each", events=_failed(15, 2, 20), hit=True, severity=Severity.HIGH),
            Example(name="14 users", events=_failed(14, 2, 20), hit=False),
            Example(name="the same in an hour and a half", events=_failed(15, 2, 180), hit=False),
            Example(name="30 people join a carrier's address, 15 mistype", events=_moving(40, 15), hit=False),
        ),
    ),
    Rule(
        id="password_spray_source",
        title="Password spraying from one source",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="source",
        types=(FAILED_LOGIN,),
        sources=("ip",),
        check=_spray,
        thresholds={
            "users": 5,
            "attempts": 15,
            "attempts_each_min": 2,
            "attempts_each_max": 8,
            "spread_s": 300,
            "window_s": 3_600,
            "failed_share": 0.5,
            "typos": 3,
        },
        period_s=3_600,
        weight=0.7,
        attack=("T1110.003",),
        suggest=("Block the address", "Look for weak passwords among the users named"),
        words="One address within an hour: 15 failed logins on 5 users, 2 to 8 on each, over at least 5 minutes.",
        default_source="Elastic",
        gaps="Slower than 15 attempts an hour.",
        examples=(
            Example(name="5 users, 3 attempts each, a minute apart", events=_failed(5, 3, 60), hit=True),
            Example(name="4 users", events=_failed(4, 4, 60), hit=False),
            Example(name="over in 3 minutes", events=_failed(5, 3, 12), hit=False),
            Example(name="40 people join a carrier's address, 15 mistype", events=_moving(40, 15), hit=False),
        ),
    ),
    Rule(
        id="password_spray_many",
        title="Password spraying from many sources",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="source",
        types=(FAILED_LOGIN,),
        sources=("network", "all"),
        check=_spray_many,
        thresholds={
            "ips": 5,
            "users": 8,
            "attempts": 25,
            "attempts_each": 5,
            "window_s": 900,
            "slow_users": 12,
            "slow_window_s": 3_600,
            "failed_share": 0.5,
            "times_usual": 3,
        },
        period_s=3_600,
        weight=0.6,
        attack=("T1110.003",),
        suggest=("Ask for a second factor at every login for now", "Look for what the attempts have in common"),
        words="Within 15 minutes, in one network or over all: 25 failed logins on 8 users from 5 addresses, at most "
        "5 on each user, most attempts failing, and over all 3 times what is usual there. On 12 users within an hour "
        "it is MEDIUM.",
        default_source="Elastic",
        gaps="A slow spray in a large population drowns in its usual failures.",
        examples=(
            Example(name="9 users, 3 attempts each, from 5 addresses", events=_failed(9, 3, 20, ips=5), hit=True),
            Example(
                name="13 users, twice each, from 6 addresses, in the better part of an hour",
                events=_failed(13, 2, 120, ips=6),
                hit=True,
                severity=Severity.MEDIUM,
            ),
            Example(name="13 users, twice each, in five hours", events=_failed(13, 2, 720, ips=6), hit=False),
            Example(name="from 4 addresses", events=_failed(9, 3, 20, ips=4), hit=False),
            Example(name="24 attempts", events=_failed(8, 3, 20, ips=5), hit=False),
            Example(name="a carrier's address", events=_moving(60, 30), hit=False),
        ),
    ),
    Rule(
        id="lockout_storm",
        title="Lockout storm",
        kind="SECURITY",
        severity=Severity.HIGH,
        scope="source",
        types=(LOCKED,),
        sources=("all",),
        check=_lockouts,
        thresholds={"locks": 30, "users": 25, "window_s": 1_800, "times_usual": 3},
        period_s=3_600,
        weight=0.5,
        attack=("T1110",),
        suggest=("Look for one attacker behind the locks", "Consider a second factor for everybody for now"),
        words="30 locks or challenges by rules on 25 users within 30 minutes, and 3 times what is usual.",
        default_source="Elastic",
        gaps="Locks made by people do not count.",
        examples=(
            Example(name="30 users under brute force", events=_failed(30, 10, 1), hit=True),
            Example(name="20 users under brute force", events=_failed(20, 10, 1), hit=False),
        ),
    ),
)
