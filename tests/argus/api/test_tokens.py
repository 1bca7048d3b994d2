"""Tokens: ours and an issuer's, and every way to forge one."""

import asyncio
import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from argus.api.jwks import Jwks, NoKeys
from argus.api.route import ROLES, Caller
from argus.api.scopes import BadScope
from argus.api.tokens import KNOWN_S, Refused, Tokens
from argus.secret import derived_key

SECRET = "a secret that is long enough"
NOW = 1_790_000_000
RSA = RSAKey.generate_key(2048, {"kid": "k1"})
EC = ECKey.generate_key("P-256", {"kid": "k2"})
OTHER = RSAKey.generate_key(2048)
# Whoever forges a token puts into its head what they like.
LAX = JWSRegistry(strict_check_header=False)


class Fetches:
    """A JWKS that counts how often it is read."""

    def __init__(self, *documents: Any) -> None:
        self.documents = list(documents)
        self.count = 0

    async def __call__(self) -> bytes:
        self.count += 1
        document = self.documents[min(self.count, len(self.documents)) - 1]
        if isinstance(document, Exception):
            raise document
        return json.dumps(document).encode()


def public(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def tokens(*documents: Any) -> Tokens:
    issuer = Jwks(Fetches(*documents), clock=lambda: 0.0) if documents else None
    return Tokens(SECRET, issuer=issuer, audience="argus-api", clock=lambda: NOW)


def claims(**changed: Any) -> dict[str, Any]:
    told = {"sub": "ada", "role": "member", "exp": NOW + 60, **changed}
    return {name: value for name, value in told.items() if value is not None}


def own(key: bytes | str = SECRET, **changed: Any) -> str:
    return jwt.encode({"alg": "HS256"}, claims(**changed), OctKey.import_key(key))


def issued(key: Any = RSA, alg: str = "RS256", **changed: Any) -> str:
    header = {"alg": alg, "kid": key.kid}
    return jwt.encode(header, claims(**{"aud": "argus-api", **changed}), key, algorithms=[alg])


def unsigned(alg: str) -> str:
    parts = ({"alg": alg, "typ": "JWT"}, claims())
    return ".".join([base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]) + "."


def check(token: str, *documents: Any) -> Caller:
    return asyncio.run(tokens(*documents).check(token))


@pytest.mark.parametrize("role", ROLES)
def test_a_token_of_ours_says_who_asks_and_until_when(role: Any) -> None:
    caller = check(tokens().create(role, "ada", 60))
    assert (caller.role, caller.user, caller.expires_s) == (role, "ada", NOW + 60)


def test_a_service_that_has_the_secret_may_sign_with_it() -> None:
    assert check(own()).user == "ada"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (own(key="another secret that is long"), "signature"),
        (own(key=derived_key(SECRET, b"otp")), "signature"),
        (own(exp=NOW - 60), "expired"),
        (own(exp=None), "until when"),
        (own(exp="soon"), "until when"),
        (own(nbf=NOW + 3_600), "not valid now"),
        (own(aud="somebody-else"), "audience"),
        (own(role="root"), "no role"),
        (own(role=None), "no role"),
        (own(sub=None), "whose"),
        (own(sub=""), "whose"),
        (own(sub="x" * 129), "whose"),
        (own(sub=7), "not valid"),
        (own(scope=7), "scope is neither"),
        (own(scope=["alerts:read", 7]), "scope is neither"),
        (unsigned("none"), "in a way"),
        (unsigned("None"), "in a way"),
        (unsigned("HS256"), "signature"),
        ("", "no JWT"),
        ("a.b", "no JWT"),
        ("a.b.c.d", "no JWT"),
        ("\udcff.b.c", "no JWT"),
        ("x" * 10_000, "too long"),
    ],
)
def test_what_is_not_a_good_token_is_refused(token: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        check(token)


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (None, None),
        ("openid profile", None),
        (["openid"], None),
        ("alerts:read", {"alerts:read"}),
        ("openid alerts:read cases:read", {"alerts:read", "cases:read"}),
        (["cases:write"], {"cases:write"}),
        ("alert:read", set()),
        ("openid alert:read", set()),
        ("", set()),
        ([], set()),
    ],
)
def test_a_scope_narrows_a_role_and_a_wrong_one_leaves_nothing(scope: Any, left: set[str] | None) -> None:
    assert check(own(scope=scope)).scopes == left
    assert check(issued(scope=scope), public(RSA)).scopes == left


def test_our_own_tokens_name_only_scopes_that_there_are() -> None:
    caller = check(tokens().create("analyst", "ann", 60, ["alerts:read", "cases:read", "alerts:read"]))
    assert caller.scopes == {"alerts:read", "cases:read"}
    with pytest.raises(BadScope, match="no scope 'alert:read'"):
        tokens().create("analyst", "ann", 60, ["alert:read"])


def test_each_changed_part_of_a_token_spoils_it() -> None:
    good = own().split(".")
    other = own(role="admin").split(".")
    for index in range(3):
        parts = [*good[:index], other[index] if index else good[0] + "A", *good[index + 1 :]]
        with pytest.raises(Refused):
            check(".".join(parts))


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256")])
def test_an_issuers_token_is_checked_by_its_public_keys(key: Any, alg: str) -> None:
    assert check(issued(key, alg), public(RSA, EC)).user == "ada"


def test_the_first_in_rank_of_an_issuers_roles_is_meant() -> None:
    assert check(issued(role=None, roles=["member", "analyst", "x"]), public(RSA)).role == "analyst"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (issued(RSAKey.generate_key(2048, {"kid": "k1"})), "issuer's"),
        (issued(aud="somebody-else"), "another audience"),
        (issued(aud=None), "nobody in particular"),
        (issued(exp=NOW - 60), "expired"),
    ],
)
def test_an_issuers_token_that_is_not_for_us_is_refused(token: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        check(token, public(RSA))


def test_an_issuers_public_key_is_no_secret_to_sign_with() -> None:
    signed = unsigned("HS256").rstrip(".")
    signature = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    with pytest.raises(Refused, match="not ours"):
        check(forged, public(RSA))


@pytest.mark.parametrize("kid", ["k2", "k9", "../../dev/null", "' OR 1=1", ""])
def test_a_key_id_opens_nothing_that_the_key_does_not(kid: str) -> None:
    token = jwt.encode({"alg": "RS256", "kid": kid}, claims(aud="argus-api"), OTHER, algorithms=["RS256"])
    with pytest.raises(Refused, match="issuer's"):
        check(token, public(RSA, EC))


def test_a_key_or_an_address_of_keys_that_a_token_brings_is_not_looked_at() -> None:
    header = {"alg": "RS256", "jku": "http://127.0.0.1:1/jwks", "jwk": OTHER.as_dict(private=False)}
    token = jwt.encode(header, claims(aud="argus-api"), OTHER, algorithms=["RS256"], registry=LAX)
    with pytest.raises(Refused):
        check(token, public(RSA))


def test_a_token_of_ours_signed_as_an_issuers_is_refused_and_the_other_way_round() -> None:
    with pytest.raises(Refused, match="issuer's"):
        check(jwt.encode({"alg": "RS256"}, claims(aud="argus", iss="argus"), OTHER), public(RSA))
    with pytest.raises(Refused, match="not ours"):
        check(
            jwt.encode({"alg": "HS256", "kid": "k1"}, claims(aud="argus-api"), OctKey.import_key("x" * 32)),
            public(RSA),
        )


def test_a_symmetric_key_among_an_issuers_keys_is_not_used() -> None:
    shared = OctKey.import_key("0123456789abcdef0123456789abcdef", {"kid": "k3"})
    document = {"keys": [*public(RSA)["keys"], shared.as_dict(private=True)]}
    token = jwt.encode({"alg": "HS256", "kid": "k3"}, claims(aud="argus-api"), shared)
    with pytest.raises(Refused, match="not ours"):
        check(token, document)


def test_without_an_issuer_public_key_tokens_are_refused() -> None:
    with pytest.raises(Refused, match="in a way"):
        check(issued())


def test_a_forged_token_tells_whose_it_claims_to_be_and_an_expired_one_does_not() -> None:
    with pytest.raises(Refused) as forged:
        check(own(key="another secret that is long"))
    with pytest.raises(Refused) as expired:
        check(own(exp=NOW - 60))
    assert (forged.value.claimed, expired.value.claimed) == ("ada", None)


def test_keys_are_read_again_for_a_new_one_but_not_all_the_time() -> None:
    now = [0.0]
    fetches = Fetches(public(RSA), public(RSA, EC))
    jwks = Jwks(fetches, clock=lambda: now[0])

    async def story() -> None:
        await jwks.keys("k1")
        await jwks.keys("k1")
        assert fetches.count == 1
        await jwks.keys("k2")
        assert fetches.count == 1, "made-up ids must not reach the issuer at once"
        now[0] = 11.0
        keys = await jwks.keys("k2")
        assert fetches.count == 2
        assert isinstance(keys, KeySet)
        assert {key.kid for key in keys.keys} == {"k1", "k2"}

    asyncio.run(story())


def test_a_key_that_the_issuer_withdraws_opens_nothing_once_the_keys_are_read_again() -> None:
    now = [0.0]
    jwks = Jwks(Fetches(public(RSA), public(EC)), clock=lambda: now[0])
    checking = Tokens(SECRET, issuer=jwks, audience="argus-api", clock=lambda: NOW + now[0])
    old, new = issued(exp=NOW + 9_999), issued(EC, "ES256", exp=NOW + 9_999)

    async def story() -> None:
        await checking.check(old)
        now[0] = 11.0
        assert (await checking.check(new)).user == "ada"
        now[0] = KNOWN_S + 1
        with pytest.raises(Refused, match="issuer's"):
            await checking.check(old)

    asyncio.run(story())


def test_an_issuer_that_is_away_leaves_the_keys_as_they_were() -> None:
    now = [0.0]
    jwks = Jwks(Fetches(public(RSA), OSError("away"), {"keys": "nonsense"}), clock=lambda: now[0])

    async def story() -> None:
        await jwks.keys("k1")
        for now[0] in (700.0, 800.0):
            assert (await jwks.keys("k1")).keys[0].kid == "k1"

    asyncio.run(story())


def test_an_issuer_that_was_never_there_is_an_error_of_ours() -> None:
    with pytest.raises(NoKeys):
        check(issued(), OSError("away"))
