"""Bearer tokens: JWTs that Argus signs itself, or that an issuer signs whose public keys are at a URL.

Which keys may check a token follows from its `alg`, and the two never mix: HS256 only with our own secret, public-key
algorithms only with the issuer's keys, nothing else at all. A token must say when it ends.
"""

import time
import uuid
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

import msgspec
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet, OctKey
from msgspec import Struct

from argus.api.route import ROLES, Caller, Role
from argus.api.scopes import BadScope, granted, written
from argus.secret import derived_key
from core.records import ID_MAX_CHARS

PURPOSE: Final = b"token"
ISSUER: Final = "argus"
OWN_ALGORITHMS: Final = ("HS256",)
ISSUER_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
TOKEN_CHARS_MAX: Final = 8_192
# Clocks differ.
LEEWAY_S: Final = 30
# A good token is checked again after so long: its issuer may have withdrawn a key.
KNOWN_S: Final = 300.0
KNOWN_MAX: Final = 10_000
# Where an issuer names several roles, the first of these that it names is meant.
BY_RANK: Final[tuple[Role, ...]] = ("admin", "analyst", "service", "member")


class Refused(Exception):
    """A token that is not taken. reason: for whoever holds it; claimed: whose it says it is, where it is forged."""

    def __init__(self, reason: str, claimed: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.claimed = claimed


class Issuer(Protocol):
    """Finds an issuer's public keys: `argus.api.jwks.Jwks`, or a fake."""

    async def keys(self, kid: str | None) -> KeySet: ...


class Head(Struct, frozen=True):
    """What a token says of itself, unchecked."""

    alg: str
    kid: str | None
    subject: str


class Tokens:
    """Makes tokens and checks them. audience: whom an issuer's tokens must be for."""

    def __init__(
        self,
        secret: str,
        *,
        issuer: Issuer | None = None,
        audience: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        own = OctKey.import_key(derived_key(secret, PURPOSE))
        # A service that was given the secret may sign with it as it is.
        self._own = (own, OctKey.import_key(secret.encode()))
        self._issuer = issuer
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._audience = audience
        self._clock = clock

    def create(self, role: Role, user: str, lifetime_s: float, scopes: Iterable[str] = ()) -> str:
        """A token of ours. scopes: what it is narrowed to, to nothing in particular where there are none. Raises
        `argus.api.scopes.BadScope`."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": user,
            "role": role,
            "iat": now,
            "exp": int(now + lifetime_s),
            "jti": uuid.uuid4().hex,
        }
        if scope := written(scopes):
            claims["scope"] = scope
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, self._own[0], algorithms=list(OWN_ALGORITHMS))

    async def check(self, token: str) -> Caller:
        """Whose it is. Raises `Refused`, and what the issuer's keys raise. One that was good is so until it ends."""
        digest = sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < min(known[0].expires_s, known[1] + KNOWN_S):
            return known[0]
        caller = await self._checked(token)
        self._known[digest] = (caller, self._clock())
        self._known.move_to_end(digest)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return caller

    async def _checked(self, token: str) -> Caller:
        head = _head(token)
        if head.alg in OWN_ALGORITHMS:
            return self._caller(self._own_claims(token, head), (ISSUER, self._audience))
        if head.alg in ISSUER_ALGORITHMS and self._issuer is not None:
            keys = await self._issuer.keys(head.kid)
            try:
                claims = jwt.decode(token, keys, algorithms=list(ISSUER_ALGORITHMS)).claims
            except (JoseError, ValueError):
                raise Refused("The token's signature is not the issuer's", head.subject) from None
            if "aud" not in claims:
                raise Refused("The token is for nobody in particular")
            return self._caller(claims, (self._audience,))
        raise Refused("The token is signed in a way that is not taken here", head.subject)

    def _own_claims(self, token: str, head: Head) -> Mapping[str, Any]:
        for key in self._own:
            try:
                return jwt.decode(token, key, algorithms=list(OWN_ALGORITHMS)).claims
            except (JoseError, ValueError):
                continue
        raise Refused("The token's signature is not ours", head.subject)

    def _caller(self, claims: Mapping[str, Any], audiences: tuple[str | None, ...]) -> Caller:
        options: dict[str, Any] = {"exp": {"essential": True}}
        try:
            jwt.JWTClaimsRegistry(lambda: int(self._clock()), LEEWAY_S, **options).validate(dict(claims))
        except ExpiredTokenError:
            raise Refused("The token has expired") from None
        except JoseError:
            raise Refused("The token is not valid now, or does not say until when") from None
        given = claims.get("aud")
        named = given if isinstance(given, list) else [] if given is None else [given]
        if given is not None and not any(audience in named for audience in audiences if audience is not None):
            raise Refused("The token is for another audience")
        role = _role(claims)
        if role is None:
            raise Refused(f"The token names no role that is one of {', '.join(ROLES)}")
        user = claims.get("sub", "" if role == "member" else role)
        if not isinstance(user, str) or not 1 <= len(user) <= ID_MAX_CHARS or "\0" in user:
            raise Refused("The token does not say whose it is")
        try:
            scopes = granted(claims.get("scope"))
        except BadScope as reason:
            raise Refused(f"The token's {reason}") from None
        return Caller(role=role, user=user, key=f"{role}:{user}", expires_s=float(claims["exp"]), scopes=scopes)


def _role(claims: Mapping[str, Any]) -> Role | None:
    one, several = claims.get("role"), claims.get("roles")
    named = [one] if isinstance(one, str) else several if isinstance(several, list) else []
    return next((role for role in BY_RANK if role in named), None)


def _head(token: str) -> Head:
    if len(token) > TOKEN_CHARS_MAX:
        raise Refused("The token is too long")
    try:
        header, claims, _ = token.split(".")
        told, said = _object(header), _object(claims)
    except (JoseError, ValueError, RecursionError):
        raise Refused("The token is no JWT") from None
    kid, subject = told.get("kid"), said.get("sub")
    return Head(
        str(told.get("alg")),
        kid if isinstance(kid, str) else None,
        subject if isinstance(subject, str) and 1 <= len(subject) <= ID_MAX_CHARS else "",
    )


def _object(part: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ValueError("no JSON object") from None
