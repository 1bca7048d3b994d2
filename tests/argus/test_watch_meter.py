from argus.measure import Metrics
from argus.watch_meter import WatchMeter
from models.watch import Watched

MODELS = ("gaussian", "loda")


def series(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    stem = name.removesuffix("_total")
    return {
        tuple(sample.labels.values()): sample.value
        for family in metrics.collect()
        if family.name == stem
        for sample in family.samples
    }


def test_a_model_that_warms_up_is_told_as_that_and_what_is_not_known_yet_is_absent() -> None:
    metrics = Metrics(process="worker")
    meter = WatchMeter(metrics)
    assert series(metrics, "argus_model_warm_ratio") == {}
    meter.watched(0, Watched(MODELS, (), {}, {}))
    meter.watched(1, Watched(MODELS, ("gaussian",), {}, {}))
    assert series(metrics, "argus_model_warm_ratio") == {("gaussian",): 0.5, ("loda",): 0.0}
    assert series(metrics, "argus_feature_stability_index") == {}
    assert series(metrics, "argus_model_drifting") == {}
    meter.watched(0, Watched(MODELS, MODELS, {}, {}))
    assert series(metrics, "argus_model_warm_ratio") == {("gaussian",): 1.0, ("loda",): 0.5}


def test_a_drift_counts_once_and_goes_on_until_the_partition_says_otherwise() -> None:
    metrics = Metrics(process="worker")
    meter = WatchMeter(metrics)
    for partition in (0, 1):
        meter.watched(partition, Watched(MODELS, MODELS, {}, {("loda", "scores"): (0, False)}))
    for told in ((1, True), (1, True)):
        meter.watched(0, Watched(MODELS, MODELS, {}, {("loda", "scores"): told}))
    assert series(metrics, "argus_model_drifts_total")["loda",] == 1
    assert series(metrics, "argus_model_drifting") == {("loda",): 1.0}
    assert series(metrics, "argus_model_misses_drifting") == {}
    meter.watched(0, Watched(MODELS, MODELS, {}, {("loda", "scores"): (1, False)}))
    assert series(metrics, "argus_model_drifting") == {("loda",): 0.0}
    meter.watched(0, None)
    meter.watched(0, Watched(MODELS, MODELS, {}, {("loda", "scores"): (1, True)}))
    assert series(metrics, "argus_model_drifts_total")["loda",] == 2


def test_the_index_is_the_largest_of_the_partitions_that_this_worker_has() -> None:
    metrics = Metrics(process="worker")
    meter = WatchMeter(metrics)
    meter.watched(0, Watched(MODELS, MODELS, {"device": 0.3, "place": 0.0}, {}))
    meter.watched(1, Watched(MODELS, MODELS, {"device": 0.1, "place": 0.2}, {}))
    meter.watched(1, Watched(("random_forest",), (), {}, {}))
    assert series(metrics, "argus_feature_stability_index") == {("device",): 0.3, ("place",): 0.2}
    meter.watched(0, None)
    assert series(metrics, "argus_feature_stability_index") == {("device",): 0.1, ("place",): 0.2}
    meter.watched(1, None)
    assert series(metrics, "argus_feature_stability_index") == {}
