"""Records of the models topic, which is compacted: what each partition's models are, and what people pinned.

Keys: `NAME/PARTITION/VERSION` for a version that is kept, `snapshot/PARTITION` for the newest snapshot of models
that learn what is usual, `labels/PARTITION` of those that learn from labels, `drift/NAME/PARTITION/SIGNAL` for the
last drift, `pin/NAME` for a pin. All but the last are Argus's word, the last is a person's.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,64}$")]
PIN: Final = b"pin/"
SNAPSHOT: Final = "snapshot"
LABELS: Final = "labels"
DRIFT: Final = "drift"


class ModelVersion(Struct, kw_only=True, frozen=True):
    """A fitted version of a model in one partition. Times are RFC 3339.

    trained_rows: of the sample it was fitted on; learned: untainted events the sample was drawn from, which happened
    between trained_from and trained_to; fitted: when, by the worker's clock. auc: how often one of so many `tainted`
    events scores above a normal one that was held out (1 best, 0.5 by chance), null where there were none. frauds:
    known when a model was fitted that learns from labels, null for others.
    """

    model: str
    partition: int
    version: int
    in_force: bool
    pinned: bool
    mode: str
    parameters: dict[str, float]
    features: tuple[str, ...]
    trained_rows: int
    learned: int
    trained_from: str | None
    trained_to: str | None
    fitted: str
    seconds: float
    auc: float | None
    tainted: int
    frauds: int | None = None


class ModelSnapshot(Struct, kw_only=True, frozen=True):
    """The newest snapshot of a partition's models. modes: of each model; learned: untainted events so far; libraries:
    name to version; speaking: models that had learnt enough to say anything, null where a former Argus wrote it;
    stability: by group of features, see `models.stability`, empty while too little was seen."""

    partition: int
    modes: dict[str, str]
    learned: int
    bytes: int
    sha256: str
    libraries: dict[str, str]
    time: str
    speaking: tuple[str, ...] | None = None
    stability: dict[str, float] = {}


class Earned(Struct, kw_only=True, frozen=True):
    """What a model had said of events whose label is known now, each before it was (prequential), newest ones mostly.
    Counts fade, so they are no whole numbers. frauds that it had scored, and caught of them in its tail; silent:
    events that nobody disputed, and raised of them. trust: what it has earned by that, 0 to 1."""

    frauds: float
    caught: float
    silent: float
    raised: float
    trust: float


class LabelSnapshot(Struct, kw_only=True, frozen=True):
    """The newest snapshot of a partition's models that learn from labels. modes: of each; frauds: ever known; rows:
    events that are kept for their label; earned: by model; lessons: so often the online ones learnt."""

    partition: int
    modes: dict[str, str]
    features: tuple[str, ...]
    frauds: int
    rows: int
    lessons: int
    speaking: tuple[str, ...]
    earned: dict[str, Earned]
    bytes: int
    sha256: str
    libraries: dict[str, str]
    time: str


class ModelDrift(Struct, kw_only=True, frozen=True):
    """The last drift of one model in one partition. signal: of its `scores`, or of the frauds that it `misses`;
    times: drifts since the partition was taken over; mean: of the signal since this one; time: by the worker's
    clock."""

    model: str
    partition: int
    signal: str
    times: int
    mean: float
    time: str


class ModelPin(Struct, kw_only=True, frozen=True):
    """A model is to score by this version, in every partition that has it, and is not fitted anew meanwhile."""

    model: Name
    version: Annotated[int, Meta(ge=1)]
    by: Annotated[str, Meta(max_length=128)]
    time: Annotated[str, Meta(max_length=64)]


read_pin = msgspec.json.Decoder(ModelPin).decode
read_version = msgspec.json.Decoder(ModelVersion).decode
read_snapshot = msgspec.json.Decoder(ModelSnapshot).decode
read_labels = msgspec.json.Decoder(LabelSnapshot).decode
read_drift = msgspec.json.Decoder(ModelDrift).decode
