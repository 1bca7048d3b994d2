from pathlib import Path

import pytest

from argus.settings import (
    ALIASES,
    EMBEDDED,
    SECRETS,
    SettingsError,
    in_force,
    load_settings,
    table,
    to_environment,
)
from argus.settings_view import facts, markdown
from core.policy import Policy
from core.rules.book import RULES, THRESHOLDS, RuleBook

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_documented_settings_are_those_there_are() -> None:
    assert DOCS.read_text("utf-8") == markdown(), "run `make docs`"


@pytest.mark.parametrize("setting", table().values(), ids=lambda setting: setting.name)
def test_every_setting_has_a_line_of_help_and_a_default_that_passes(setting: object) -> None:
    assert setting.help  # type: ignore[attr-defined]
    assert "\n" not in setting.help  # type: ignore[attr-defined]


def test_nothing_said_gives_the_defaults() -> None:
    settings = load_settings({})
    assert settings.policy == Policy()
    assert settings.topic("events") == "argus.events"
    assert not settings.thresholds


def test_every_alias_and_secret_and_profile_name_is_a_setting() -> None:
    assert {*ALIASES.values(), *SECRETS, *EMBEDDED} <= set(table())


@pytest.mark.parametrize(
    ("alias", "text", "name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "k:9092", "broker", "k:9092"),
        ("DATABASE_URL", "postgresql://x", "database_url", "postgresql://x"),
        ("FRAUD_SCORE_THRESHOLD", "80", "fraud_score_threshold", 80.0),
        ("FRAUD_SCORE_THRESHOLD", "0.8", "fraud_score_threshold", 80.0),
        ("VELOCITY_THRESHOLD", "5", "rule_payment_velocity_low", 5.0),
        ("VELOCITY_WINDOW_SECONDS", "120", "rule_payment_velocity_window_s", 120.0),
    ],
)
def test_the_names_of_earlier_systems_are_honoured(alias: str, text: str, name: str, value: object) -> None:
    found = {row.setting.name: row for row in in_force({alias: text})}
    assert (found[name].value, found[name].origin) == (value, alias)


def test_a_value_comes_from_the_first_place_that_has_one(tmp_path: Path) -> None:
    file = tmp_path / "argus.yaml"
    file.write_text("broker: file:1\napp_id: file\npartitions: 8\nfetch_max_wait_ms: 7\n")
    environ = {"ARGUS_BROKER": "env:1", "KAFKA_BOOTSTRAP_SERVERS": "alias:1", "ARGUS_APP_ID": "env"}
    settings = load_settings(environ, file, {"broker": "option:1", "seed": None}, {"fetch_max_wait_ms": 1, "seed": 3})
    assert (settings.broker, settings.app_id, settings.partitions) == ("option:1", "env", 8)
    assert (settings.fetch_max_wait_ms, settings.seed) == (7, 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", 'log_level = "debug"\nlock_scope = ["payout"]\n'),
        ("a.yml", "log_level: debug\nlock_scope: [payout]\n"),
    ],
)
def test_a_file_may_be_toml_or_yaml(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    settings = load_settings({"ARGUS_CONFIG": str(file)})
    assert settings.log_level == "debug"
    assert settings.policy.lock_scope == ("payout",)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ARGUS_PARTITIONS": "many"}, "ARGUS_PARTITIONS"),
        ({"ARGUS_PARTITIONS": "0"}, ">= 1"),
        ({"ARGUS_PARTITONS": "4"}, "did you mean ARGUS_PARTITIONS"),
        ({"ARGUS_LOG_LEVEL": "loud"}, "one of debug, info"),
        ({"ARGUS_RULE_PAYMENT_VELOCITY_MODE": "on"}, "one of live, shadow, off"),
        ({"ARGUS_RULE_PAYMENT_VELOCITY_LOW": "x"}, "expected float"),
        ({"ARGUS_RULE_NO_SUCH_RULE_LOW": "1"}, "is no setting"),
        ({"ARGUS_RULE_LOGIN_BRUTE_FORCE_WARN_FAILURES": "77000"}, "rule_login_brute_force_warn_failures is 77000"),
        ({"ARGUS_MODEL_WEIGHTS": "{"}, "ARGUS_MODEL_WEIGHTS"),
        ({"ARGUS_DATA_DIR": ""}, "expected a path"),
        ({"ARGUS_BROKER": ""}, "broker: '' is no host:port"),
        ({"ARGUS_BROKER": "127.0.0.1:abc"}, "broker: '127.0.0.1:abc' is no host:port"),
        ({"ARGUS_BROKER": "::1"}, "(IPv6: [host]:port)"),
        ({"ARGUS_BROKER": "[::1:9092"}, "broker: '[::1:9092'"),
        ({"ARGUS_BROKER": "kafka://a:9092"}, "broker: 'kafka://a:9092'"),
        ({"ARGUS_BROKER": "a:9092,b:70000"}, "broker: 'b:70000'"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:9092,"}, "commas go between several"),
        ({"ARGUS_CONFIG": "/no/such/file"}, "cannot read the settings file"),
        ({"FRAUD_SCORE_THRESHOLD": "high"}, "FRAUD_SCORE_THRESHOLD"),
        ({"FRAUD_SCORE_THRESHOLD": "2000"}, "expected float <= 101"),
        ({"ARGUS_BLOCK_SCORE_THRESHOLD": "-5"}, "expected float >= 0"),
        ({"ARGUS_FRAUD_SCORE_THRESHOLD": "nan"}, "ARGUS_FRAUD_SCORE_THRESHOLD: 'nan' will not do"),
        ({"ARGUS_STALL_S": "inf"}, "expected a finite number"),
        ({"VELOCITY_THRESHOLD": "-3"}, "expected float >= 0"),
        ({"ARGUS_RULE_USERS_PER_IP_MOVED_SHARE": "50"}, "expected float <= 1"),
        ({"ARGUS_LOCK_SCOPE": "payouts"}, "expected some of signup, login"),
        ({"ARGUS_LOCK_S": "-5"}, "expected int >= 0"),
        ({"ARGUS_RESPONSES": '{"card_testing":{"scope":["paid"]}}'}, "ARGUS_RESPONSES"),
        ({"ARGUS_MODEL_WEIGHTS": '{"gausian":0.2}'}, "there is no model gausian"),
        ({"ARGUS_MODEL_WEIGHTS": '{"gaussian":3}'}, "expected float <= 1"),
        ({"ARGUS_TAIL_QUANTILE": "7"}, "expected float < 1"),
        ({"ARGUS_TAIL_QUANTILE": "0.99999"}, "tail_quantile must be below tail_full_quantile"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["- a\n", "broker: [\n", "1: 2\n", "no_such: 1\n", "partitions: x\n"])
def test_a_wrong_file_is_one_line_that_names_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "argus.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"argus\.yaml") as caught:
        load_settings({}, file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "broker", ["kafka", "kafka-1.eu:9092", "10.0.0.1:9092,b:1,[::1]:9092", "[fe80::1%eth0]:65535"]
)
def test_a_broker_is_named_in_each_way_that_clients_take(broker: str) -> None:
    assert load_settings({"ARGUS_BROKER": broker}).broker == broker


def test_a_secret_may_come_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:hidden@h/db\n")
    environ = {"ARGUS_DATABASE_URL_FILE": str(file)}
    assert load_settings(environ).database_url == "postgresql://u:hidden@h/db"
    assert "hidden" not in repr(facts(in_force(environ)))


def test_a_wrong_secret_is_not_shown_either() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, overrides={"database_url": 5_555})
    assert "5555" not in str(caught.value)


def test_thresholds_and_modes_are_what_the_rule_book_takes() -> None:
    settings = load_settings({"ARGUS_RULE_PAYMENT_VELOCITY_LOW": "2", "ARGUS_RULE_PAYMENT_VELOCITY_MODE": "shadow"})
    bound = RuleBook(settings.thresholds, settings.modes).by_id["payment_velocity"]
    assert bound.t["low"] == 2.0
    assert bound.mode == "shadow"


def test_every_threshold_of_the_book_is_a_setting() -> None:
    assert {*THRESHOLDS, *(f"rule_{rule.id}_mode" for rule in RULES)} <= set(table())


def test_another_process_is_told_the_same_settings() -> None:
    environ = {
        "ARGUS_BROKER": "b:1",
        "ARGUS_DATA_DIR": "/tmp/x",
        "ARGUS_LOCK_SCOPE": "payout,login",
        "ARGUS_RULE_PAYMENT_VELOCITY_LOW": "5",
        "ARGUS_RULE_PAYMENT_VELOCITY_MODE": "off",
        "ARGUS_MODEL_WEIGHTS": '{"gaussian": 0.5}',
    }
    settings = load_settings(environ, profile=EMBEDDED)
    assert load_settings(to_environment(settings)) == settings


def test_an_empty_file_is_no_secret(tmp_path: Path) -> None:
    """Each process would make up one of its own, and none would take the others' word."""
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingsError, match=r"ARGUS_SECRET_FILE: .* is empty"):
        load_settings({"ARGUS_SECRET_FILE": str(tmp_path / "secret")})
