"""Records of the models topic, which is compacted: what each partition's models are, and what people pinned.

Keys: `NAME/PARTITION/VERSION` for a version that is kept, `snapshot/PARTITION` for the newest snapshot, `pin/NAME`
for a pin. The first two are Argus's word, the third is a person's.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,64}$")]
PIN: Final = b"pin/"
SNAPSHOT: Final = "snapshot"


class ModelVersion(Struct, kw_only=True, frozen=True):
    """A fitted version of a model in one partition. Times are RFC 3339.

    trained_rows: of the sample it was fitted on; learned: untainted events the sample was drawn from, which happened
    between trained_from and trained_to; fitted: when, by the worker's clock. auc: how often one of so many `tainted`
    events scores above a normal one that was held out (1 best, 0.5 by chance), null where there were none.
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


class ModelSnapshot(Struct, kw_only=True, frozen=True):
    """The newest snapshot of a partition's models. modes: of each model; learned: untainted events so far; libraries:
    name to version."""

    partition: int
    modes: dict[str, str]
    learned: int
    bytes: int
    sha256: str
    libraries: dict[str, str]
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
