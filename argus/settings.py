"""Every setting: one frozen table, read by one explicit call.

A value comes from (the first that has it) the command line, `ARGUS_<NAME>` or an alias in the environment, the
settings file (`--config`, `ARGUS_CONFIG`; YAML or TOML, one `name: value` a line), the profile, the default.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from argus.setting_values import (
    ALIASES,
    MASK,
    NOT_SETTINGS,
    PREFIX,
    SECRETS,
    Setting,
    SettingsError,
    as_text,
    check_known,
    convert,
    from_alias,
    from_environment,
    read_file,
)
from core.policy import Policy, Share
from core.rules.book import RULES, RuleBook, threshold_name
from models.modes import MODES, ModelMode, Unsupervised, running

__all__ = [
    "ALIASES",
    "EMBEDDED",
    "MASK",
    "PREFIX",
    "SECRETS",
    "InForce",
    "Setting",
    "Settings",
    "SettingsError",
    "as_text",
    "in_force",
    "load_settings",
    "table",
    "to_environment",
]

POLICY_HELP: Final[Mapping[str, str]] = {
    "late_s": "how late an event may be and still count where it belongs; later ones are only decided",
    "taint_s": "how long after a HIGH hit a user's events are not learnt as normal",
    "challenge_scope": "event types that a challenge holds up",
    "challenge_s": "how long a challenge lasts",
    "lock_scope": "event types that a lock blocks",
    "lock_s": "how long a lock lasts",
    "responses": "answers of single rules that differ from their severity's, by rule id",
    "fraud_score_threshold": "risk score (0 to 100) from which an event is challenged; 101: never",
    "block_score_threshold": "risk score (0 to 100) from which an event is blocked; 101: never",
    "score_scope": "event types that a risk score alone may hold up",
    "score_block_scope": "event types that a risk score alone may block",
    "model_weights": "what each model's far tail adds to the risk (0 to 1); a model not named shadows",
    "tail_quantile": "quantile of a model's scores at which its tail begins",
    "tail_full_quantile": "quantile of a model's scores at which its tail is complete",
    "rank_weight": "share of the risk (0 to 1) that ranks events by the models where nothing else speaks",
    "case_acknowledge_min": "minutes until a case must be acknowledged, by severity",
    "case_resolve_min": "minutes until a case must be resolved, by severity",
    "case_near_share": "share of that time (0 to 1) after which the deadline is told to be near",
    "case_memory_s": "how long a subject's alerts and resolved cases are remembered after its last alert or command",
}
# Values that suit the embedded broker, which waits half the rebalance timeout at each join and waits out every fetch.
EMBEDDED: Final[Mapping[str, Any]] = {
    "fetch_max_wait_ms": 10,
    "session_timeout_s": 6.0,
    "rebalance_timeout_s": 6.0,
    "heartbeat_interval_s": 1.0,
}

SERVER: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/@\[\]]+)(?::(?P<port>[0-9]{1,5}))?")

Port = Annotated[int, Meta(ge=0, le=65_535)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Days = Annotated[float, Meta(ge=0, le=36_500)]
Threshold = Annotated[float, Meta(ge=0)]
Mode = Literal["live", "shadow", "off"]
Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
LogLevel = Literal["debug", "info", "warning", "error"]


LabelModel = Literal["logistic_regression", "adaptive_random_forest", "random_forest", "gradient_boosting"]
# One that is not named in the setting is as here.
LABEL_MODELS: Final[dict[LabelModel, ModelMode]] = {
    "logistic_regression": "decide",
    "adaptive_random_forest": "off",
    "random_forest": "decide",
    "gradient_boosting": "decide",
}


class Settings(Struct, frozen=True, kw_only=True):
    """The settings in force. The text beside each is its help; every name carries its unit."""

    broker: Annotated[str, Meta(description="Kafka bootstrap servers, host:port[,host:port]")] = "127.0.0.1:9092"
    kafka_security_protocol: Annotated[Protocol, Meta(description="how Kafka is spoken to, by every process")] = (
        "PLAINTEXT"
    )
    kafka_sasl_mechanism: Annotated[Mechanism, Meta(description="how Argus says who it is, with SASL_")] = (
        "SCRAM-SHA-512"
    )
    kafka_username: Annotated[str | None, Meta(description="as whom, with SASL_")] = None
    kafka_password: Annotated[str | None, Meta(description="the password of kafka_username")] = None
    kafka_ca_file: Annotated[
        Path | None, Meta(description="PEM of the authorities that brokers are verified by; none: the system's")
    ] = None
    kafka_cert_file: Annotated[Path | None, Meta(description="PEM of the certificate that is shown to brokers")] = (
        None
    )
    kafka_key_file: Annotated[Path | None, Meta(description="PEM of its key, where that is a file of its own")] = None
    kafka_key_password: Annotated[str | None, Meta(description="what opens that key")] = None
    topic_prefix: Annotated[
        str, Meta(description="what every topic's name begins with", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    ] = "argus."
    app_id: Annotated[
        str, Meta(description="consumer group and changelog prefix of the workers", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    ] = "argus"
    partitions: Annotated[Positive, Meta(description="partitions of every topic keyed by user", le=1_024)] = 4
    replication: Annotated[Positive, Meta(description="replicas of every topic", le=32)] = 1
    data_dir: Annotated[Path, Meta(description="where tables and everything else on disk is kept")] = Path("data")
    metrics_host: Annotated[str, Meta(description="address that /metrics, /health and /live listen on")] = "127.0.0.1"
    metrics_port: Annotated[Port, Meta(description="port of /metrics, /health and /live; 0 picks a free one")] = 9_108
    stall_s: Annotated[
        Seconds, Meta(description="time that one batch may take before /health and /live say that it hangs")
    ] = 180.0
    batch_max_records: Annotated[Positive, Meta(description="records of one partition worked on at once")] = 2_000
    batch_max_bytes: Annotated[Positive, Meta(description="bytes of one partition worked on at once")] = 1_048_576
    fetch_max_wait_ms: Annotated[Positive, Meta(description="how long the broker may hold a fetch back")] = 50
    fetch_max_bytes: Annotated[Positive, Meta(description="bytes of one partition that one fetch brings")] = 4_194_304
    producer_max_bytes: Annotated[Positive, Meta(description="bytes of the largest record sent")] = 4_194_304
    commit_interval_s: Annotated[Seconds, Meta(description="time between two commits of source offsets")] = 1.0
    session_timeout_s: Annotated[Seconds, Meta(description="silence after which a worker is given up")] = 30.0
    heartbeat_interval_s: Annotated[Seconds, Meta(description="time between two heartbeats of a worker")] = 3.0
    rebalance_timeout_s: Annotated[Seconds, Meta(description="time a rebalance waits for its workers")] = 60.0
    state_cache_users: Annotated[int, Meta(description="decoded users kept in memory a worker", ge=0)] = 20_000
    block_cache_mb: Annotated[Positive, Meta(description="RocksDB block cache a worker, in MiB")] = 64
    standby_replicas: Annotated[
        int, Meta(description="workers that keep a fresh copy of each partition beside its owner's", ge=0, le=8)
    ] = 0
    memory_max_mb: Annotated[
        int,
        Meta(description="MiB of memory beyond which a worker ends in good order, to begin anew; 0: any", ge=0),
    ] = 0
    dormant_days: Annotated[
        float, Meta(description="days of silence after which a user's or a source's state goes", gt=0)
    ] = 400
    rules_file: Annotated[Path | None, Meta(description="user-defined rules (YAML)")] = None
    threat_lists: Annotated[
        Path | None,
        Meta(description="file or folder of hostile addresses, ranges and devices, read again as it changes"),
    ] = None
    geo_city_file: Annotated[Path | None, Meta(description="MMDB city database; countries alone need none")] = None
    log_level: Annotated[LogLevel, Meta(description="least level that is logged")] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="how a line of the log is written")] = "text"
    simulate_rate: Annotated[Seconds, Meta(description="simulated events a second in `argus up`")] = 50.0
    simulate_users: Annotated[Positive, Meta(description="simulated users in `argus up`")] = 500
    seed: Annotated[int, Meta(description="seed of the simulation")] = 7
    models: Annotated[
        dict[Unsupervised, ModelMode],
        Meta(description="models that learn what is usual: decide (weight: model_weights, else 0.05), shadow or off"),
    ] = msgspec.field(default_factory=lambda: dict(MODES))
    label_models: Annotated[
        dict[LabelModel, ModelMode],
        Meta(description="models that learn from labels: decide (with its weight in model_weights), shadow or off"),
    ] = msgspec.field(default_factory=lambda: dict(LABEL_MODELS))
    label_rows: Annotated[
        int, Meta(description="feature vectors of a partition that are kept for their labels", ge=1_000)
    ] = 200_000
    label_window_days: Annotated[float, Meta(description="how long they are kept", gt=0, le=366)] = 30
    label_delay_days: Annotated[
        float, Meta(description="days after which an event that nobody disputed counts as legitimate", ge=0, le=366)
    ] = 7
    database_url: Annotated[
        str | None,
        Meta(description="SQL database of alerts and cases; none means SQLite in the data directory"),
    ] = None
    sink_approve_share: Annotated[
        float, Meta(description="share of approvals that the database keeps; all else is kept whole", ge=0, le=1)
    ] = 0.05
    sink_audit: Annotated[bool, Meta(description="whether the database has a copy of the audit trail")] = True
    retention_days_alerts: Annotated[Days, Meta(description="days that the database keeps alerts; 0 for ever")] = 365
    retention_days_decisions: Annotated[Days, Meta(description="the same for decisions")] = 90
    retention_days_cases: Annotated[Days, Meta(description="the same for resolved cases; open ones stay")] = 1_095
    retention_days_locks: Annotated[Days, Meta(description="the same for the history of locks")] = 365
    retention_days_outcomes: Annotated[Days, Meta(description="the same for answers to commands")] = 90
    retention_days_feedback: Annotated[Days, Meta(description="the same for labels")] = 730
    retention_days_audit: Annotated[Days, Meta(description="the same for the copy of the audit trail")] = 365
    retention_days_users: Annotated[Days, Meta(description="the same for users who are not seen")] = 400
    public_url: Annotated[str, Meta(description="where people open the console; links in notices begin with it")] = (
        "http://127.0.0.1:8080"
    )
    alertmanager_url: Annotated[
        str | None, Meta(description="Alertmanager that open cases of HIGH and CRITICAL are pushed to")
    ] = None
    alertmanager_interval_s: Annotated[Seconds, Meta(description="time between two pushes of what is open")] = 30.0
    alertmanager_labels: Annotated[
        dict[str, str], Meta(description="more labels for every pushed alert, the cluster for example")
    ] = {}
    runbook_url: Annotated[
        str, Meta(description="runbook of a pushed alert, with {public_url} and {alertname} as placeholders")
    ] = "{public_url}/runbooks/{alertname}"
    canary_interval_s: Annotated[
        float,
        Meta(description="time between two canary events of a partition, by which notify watches; 0: none", ge=0),
    ] = 15.0
    notify_file: Annotated[Path | None, Meta(description="notification channels (YAML)")] = None
    notify_threads: Annotated[Positive, Meta(description="threads for libraries that block as they send", le=64)] = 8
    otp_delivery: Annotated[
        str, Meta(description="how one-time passwords go out: log, file:PATH, or an Apprise URL with {user_id}")
    ] = "log"
    member_notices: Annotated[
        str | None, Meta(description="how users are told about their own lock, as in otp_delivery; none: not at all")
    ] = None
    api_host: Annotated[str, Meta(description="address that the API and the console listen on")] = "127.0.0.1"
    api_port: Annotated[Port, Meta(description="port of the API and the console; 0 picks a free one")] = 8_080
    api_cert_file: Annotated[
        Path | None, Meta(description="PEM of the certificate that the API and the console show; none: plain HTTP")
    ] = None
    api_key_file: Annotated[Path | None, Meta(description="PEM of its key, where that is a file of its own")] = None
    api_key_password: Annotated[str | None, Meta(description="what opens that key")] = None
    api_rate_per_s: Annotated[Seconds, Meta(description="requests a second of one token in the long run")] = 200.0
    api_service_rate_per_s: Annotated[Seconds, Meta(description="the same for a token of the role service")] = 2_000.0
    api_failures_per_min: Annotated[
        Positive, Meta(description="wrong tokens, and wrong passwords, of one address in a minute; more get 429")
    ] = 20
    api_body_max_bytes: Annotated[Positive, Meta(description="bytes of the largest body of events")] = 8_388_608
    api_body_within_s: Annotated[Seconds, Meta(description="time that a request has to come in whole")] = 15.0
    api_outcome_wait_s: Annotated[
        Seconds, Meta(description="how long a request waits for its command's outcome before it answers 202")
    ] = 5.0
    api_score_wait_s: Annotated[
        Seconds, Meta(description="how long POST /v1/score waits for the decision before it answers 503")
    ] = 2.0
    api_session_s: Annotated[Seconds, Meta(description="how long a login of the console lasts")] = 43_200.0
    api_live_clients: Annotated[Positive, Meta(description="clients of live alerts at once in one process")] = 1_000
    api_proxies: Annotated[
        int, Meta(description="proxies in front that each add to X-Forwarded-For; 0: it is not believed", ge=0, le=8)
    ] = 0
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="origins of other sites whose pages may ask with a token; none by default")
    ] = ()
    console_simulator: Annotated[
        bool, Meta(description="whether the console can send made-up events and attacks; on in `argus up`")
    ] = False
    worker_metrics: Annotated[
        tuple[str, ...], Meta(description="addresses of the workers' /metrics, for the console's page of models")
    ] = ()
    grafana_url: Annotated[str | None, Meta(description="where Grafana is, for links to its boards")] = None
    jwks_url: Annotated[str | None, Meta(description="an issuer's public keys, whose tokens are taken too")] = None
    jwt_audience: Annotated[str | None, Meta(description="whom the issuer's tokens must be for")] = None
    secret: Annotated[
        str | None,
        Meta(description="what model snapshots and tokens are signed with; none means a file in the data directory"),
    ] = None
    policy: Policy = Policy()
    thresholds: Mapping[str, float] = {}
    modes: Mapping[str, Mode] = {}

    def topic(self, name: str) -> str:
        """The full name of a topic, `events` for example."""
        return self.topic_prefix + name

    @property
    def api_scheme(self) -> str:
        """Of the API where it listens."""
        return "http" if self.api_cert_file is None else "https"

    @property
    def only_tls(self) -> bool:
        """Whether browsers come by TLS, to the API or to a proxy before it: cookies are sent over nothing else."""
        return self.api_cert_file is not None or self.public_url.startswith("https:")


class InForce(Struct, frozen=True):
    """A setting with the value in force and where that comes from."""

    setting: Setting
    value: Any
    origin: str


@cache
def table() -> Mapping[str, Setting]:
    """Every setting by name: the shell's own, then the policy's, then each rule's mode and thresholds."""
    rows = [*_fields(Settings, ()), *_fields(Policy, ("policy",))]
    for rule in RULES:
        rows.append(
            Setting(f"rule_{rule.id}_mode", Mode, "live", f"what a hit of `{rule.id}` does", ("modes", rule.id))
        )
        for name, default in rule.thresholds.items():
            key = threshold_name(rule, name)
            type_ = Share if "share" in name or name.endswith("_0_1") else Threshold
            rows.append(Setting(key, type_, float(default), f"{name} of `{rule.id}`", ("thresholds", key)))
    return {row.name: row for row in rows}


def _fields(struct: type[Struct], path: tuple[str, ...]) -> Iterable[Setting]:
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        if field.name in ("policy", "thresholds", "modes") and not path:
            continue
        help_ = _description(hints[field.name]) or POLICY_HELP.get(field.name, "")
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        yield Setting(field.name, hints[field.name], default, help_, (*path, field.name))


def _description(hint: Any) -> str:
    notes = [arg.description for arg in get_args(hint) if isinstance(arg, Meta) and arg.description]
    return str(notes[-1]) if get_origin(hint) is Annotated and notes else ""


def load_settings(
    environ: Mapping[str, str],
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    profile: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings in force. overrides: what the command line says, where None means that it says nothing; profile:
    defaults of the occasion. Raises `SettingsError`."""
    return settings_of(in_force(environ, file, overrides, profile))


def settings_of(rows: Iterable[InForce]) -> Settings:
    """Settings by all rows of the table. Raises `SettingsError`."""
    fields: dict[str, Any] = {"policy": {}, "thresholds": {}, "modes": {}}
    for row in rows:
        place, value = row.setting.path, row.value
        if len(place) == 1:
            fields[place[0]] = value
        elif place[0] != "thresholds" or row.origin != "default":
            fields[place[0]][place[1]] = value
    try:
        policy = Policy(**fields.pop("policy"))
        running(fields["models"])
        _check_policy(policy)
        _check_broker(fields["broker"])
        # The book knows what a threshold may be at most.
        RuleBook(fields["thresholds"], fields["modes"])
    except (TypeError, ValueError) as error:
        raise SettingsError(str(error)) from None
    return Settings(policy=policy, **fields)


def _check_policy(policy: Policy) -> None:
    """What its types do not say. Raises ValueError."""
    strange = sorted(set(policy.model_weights) - {*MODES, *LABEL_MODELS})
    if strange:
        raise ValueError(f"model_weights: there is no model {strange[0]}; `argus models list` names all")
    if policy.tail_quantile >= policy.tail_full_quantile:
        raise ValueError("tail_quantile must be below tail_full_quantile")


def _check_broker(broker: str) -> None:
    """Raises ValueError for what no client could connect to."""
    for server in broker.split(","):
        found = SERVER.fullmatch(server)
        if found is None or not 0 < int(found["port"] or 9_092) < 65_536:
            raise ValueError(f"broker: {server!r} is no host:port (IPv6: [host]:port); commas go between several")


def in_force(
    environ: Mapping[str, str],
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    profile: Mapping[str, Any] | None = None,
) -> list[InForce]:
    """Every setting with its value and where that comes from, in the order of the table. Raises `SettingsError`."""
    rows = table()
    found: dict[str, tuple[Any, str, str]] = {
        name: (value, "profile", name) for name, value in (profile or {}).items()
    }
    if file is None and environ.get("ARGUS_CONFIG"):
        file = Path(environ["ARGUS_CONFIG"])
    if file is not None:
        for name, value in read_file(file).items():
            check_known(name, name, rows, f"{file}: ")
            found[name] = (value, "file", f"{file}: {name}")
    for alias, name in ALIASES.items():
        if name in rows and environ.get(alias):
            found[name] = (from_alias(alias, environ[alias]), alias, alias)
    for key, text in environ.items():
        if key.startswith(PREFIX) and key not in NOT_SETTINGS:
            name, value = from_environment(key, text, rows)
            found[name] = (value, key, key)
    for name, value in (overrides or {}).items():
        if value is not None:
            found[name] = (value, "option", name)
    return [
        InForce(row, convert(row, *found[name][::2]), found[name][1])
        if name in found
        else InForce(row, row.default, "default")
        for name, row in rows.items()
    ]


def to_environment(settings: Settings) -> dict[str, str]:
    """The environment variables under which another process loads the same settings."""
    variables = {}
    for row in table().values():
        value: Any = getattr(settings, row.path[0])
        if len(row.path) == 2:
            value = value.get(row.path[1], row.default) if isinstance(value, Mapping) else getattr(value, row.path[1])
        if value != row.default:
            variables[row.env] = as_text(value)
    return variables
