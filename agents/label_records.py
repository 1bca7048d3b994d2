"""What the models topic hears of a partition's models that learn from labels."""

from hashlib import sha256

from agents.services import Services
from agents.shard import Output
from core.clock import rfc3339
from core.detect import LABEL_FEATURES
from core.model_records import LABELS, Earned, LabelSnapshot, ModelVersion
from core.records import encode
from models.labelled import Fit, Labelled
from models.parameters import PARAMETERS
from models.snapshot import libraries


def version_of(services: Services, partition: int, fitted: Fit) -> ModelVersion:
    """The record of a forest that has come into force."""
    asked = fitted.asked
    return ModelVersion(
        model=fitted.model,
        partition=partition,
        version=fitted.version,
        in_force=True,
        pinned=False,
        mode=services.labels.modes[fitted.model],
        parameters=dict(PARAMETERS[fitted.model]),
        features=LABEL_FEATURES,
        trained_rows=asked.rows,
        learned=asked.events,
        trained_from=rfc3339(asked.from_ms) if asked.from_ms else None,
        trained_to=rfc3339(asked.to_ms) if asked.to_ms else None,
        fitted=rfc3339(services.now_ms()),
        seconds=round(fitted.seconds, 3),
        auc=None,
        tainted=0,
        frauds=asked.frauds,
    )


def output_of(services: Services, partition: int, learner: Labelled, snapshot: bytes) -> Output:
    """Tells that a snapshot was taken, and how good its models were by then."""
    earned = {}
    for name in learner.names:
        frauds, caught, silent, raised = learner.trust.counts_of(name)
        earned[name] = Earned(
            frauds=frauds, caught=caught, silent=silent, raised=raised, trust=learner.trust.of(name)
        )
    record = LabelSnapshot(
        partition=partition,
        modes={name: learner.plan.modes[name] for name in learner.names},
        features=learner.features,
        frauds=learner.frauds,
        rows=learner.kept.count,
        lessons=learner.lessons,
        speaking=learner.speaking,
        earned=earned,
        bytes=len(snapshot),
        sha256=sha256(snapshot).hexdigest(),
        libraries=libraries(),
        time=rfc3339(services.now_ms()),
    )
    return Output(services.topics.models, 0, f"{LABELS}/{partition}".encode(), encode(record))
