"""One setting: its name, its type, and how a value for it is read from text. `argus.settings` has the table."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
import yaml
from msgspec import Struct

PREFIX: Final = "ARGUS_"
# Names that begin like a setting's and are none: the settings file, and what tests and their runs are told.
NOT_SETTINGS: Final = frozenset({"ARGUS_CONFIG", "ARGUS_CI"})
# The names under which earlier systems knew a setting.
ALIASES: Final[Mapping[str, str]] = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker",
    "DATABASE_URL": "database_url",
    "FRAUD_SCORE_THRESHOLD": "fraud_score_threshold",
    "VELOCITY_THRESHOLD": "rule_payment_velocity_low",
    "VELOCITY_WINDOW_SECONDS": "rule_payment_velocity_window_s",
}
SECRETS: Final = frozenset(
    {
        "alertmanager_url",
        "api_key_password",
        "database_url",
        "kafka_key_password",
        "kafka_password",
        "member_notices",
        "otp_delivery",
        "secret",
    }
)
MASK: Final = "********"


class SettingsError(Exception):
    """A setting that is wrong or unknown; the message is one line that names it and says what is wanted."""


class Setting(Struct, frozen=True):
    """One row of the table. type: what msgspec checks a value against; path: its place in `Settings`."""

    name: str
    type: Any
    default: Any
    help: str
    path: tuple[str, ...]

    @property
    def env(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(alias for alias, name in ALIASES.items() if name == self.name)

    @property
    def secret(self) -> bool:
        return self.name in SECRETS


def as_text(value: Any) -> str:
    """A value as it is written in the environment or a file."""
    if isinstance(value, str | Path):
        return str(value)
    return msgspec.json.encode(value).decode()


def from_environment(key: str, text: str, rows: Mapping[str, Setting]) -> tuple[str, str]:
    """Name and value of the setting that a variable is about, a secret's file read. Raises `SettingsError`."""
    name = key.removeprefix(PREFIX).lower()
    if name.endswith("_file") and name not in rows and name.removesuffix("_file") in SECRETS:
        try:
            secret = Path(text).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{key}: cannot read {text}: {_reason(error)}") from None
        if not secret:
            # Taken for none, each process would make up a secret of its own.
            raise SettingsError(f"{key}: {text} is empty")
        return name.removesuffix("_file"), secret
    check_known(name, key, rows, "")
    return name, text


def from_alias(alias: str, text: str) -> str:
    """Earlier systems gave the fraud score as a share of 1; Argus has it from 0 to 100."""
    if alias == "FRAUD_SCORE_THRESHOLD" and re.fullmatch(r"0?\.\d+|1(\.0*)?", text):
        return str(float(text) * 100)
    return text


def check_known(name: str, shown: str, rows: Mapping[str, Setting], where: str) -> None:
    """Raises `SettingsError` for a name that is no setting. shown: the name as given; where: what goes before."""
    if name not in rows:
        near = difflib.get_close_matches(name, rows, n=1)
        guess = near[0] if near and shown == name else rows[near[0]].env if near else None
        hint = f"did you mean {guess}?" if guess else "`argus settings` lists all"
        raise SettingsError(f"{where}{shown} is no setting; {hint}")


def convert(row: Setting, value: Any, shown: str) -> Any:
    """The value as the setting's type has it, from text too. Raises `SettingsError`, which names `shown`."""
    type_ = get_args(row.type)[0] if get_origin(row.type) is Annotated else row.type
    try:
        if value == "" and type(None) in get_args(type_):
            return None
        if isinstance(value, str) and get_origin(type_) in (tuple, dict):
            # A list may be written `a,b`, anything larger is JSON.
            value = msgspec.json.decode(value) if value[:1] in ("{", "[") else value.split(",")
        found = msgspec.convert(value, row.type, strict=False, dec_hook=_decode_path)
        if isinstance(found, float) and not isfinite(found):
            raise ValueError("Expected a finite number")
        return found
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        text = MASK if row.secret else as_text(value)
        raise SettingsError(f"{shown}: {text!r} will not do, {_wanted(type_, error)}") from None


def _wanted(type_: Any, error: Exception) -> str:
    if get_origin(type_) is Literal:
        return f"expected one of {', '.join(get_args(type_))}"
    if get_origin(type_) is tuple and get_origin(get_args(type_)[0]) is Literal:
        return f"expected some of {', '.join(get_args(get_args(type_)[0]))}"
    text = re.sub(r"( - at .*)|(, got `.*`)", "", str(error)).replace("`", "")
    return text[:1].lower() + text[1:]


def _decode_path(type_: type, value: Any) -> Any:
    if type_ is Path and isinstance(value, str | Path) and str(value):
        return Path(value).expanduser()
    raise ValueError("Expected a path")


def read_file(file: Path) -> dict[str, Any]:
    """What a settings file says, by name; not checked. Raises `SettingsError`."""
    try:
        text = file.read_text("utf-8")
        values = tomllib.loads(text) if file.suffix == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {_reason(error)}") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise SettingsError(f"{file}: a settings file is a list of `name: value`")
    return values


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())
