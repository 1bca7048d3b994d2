"""Fits for tests, good and bad. They run in the fitting process."""

import os
import time
from pathlib import Path

import numpy as np

from models.protocol import State

HERE = "tests.models.fits:"
FITS = {name: HERE + name for name in ("mean", "noise", "broken", "endless", "chatty", "process")} | {
    "missing": "tests.models.nowhere:fit"
}


def mean(arrays: State, seed: int) -> State:
    return {"mean": arrays["rows"].mean(axis=0), "rows": np.array([len(arrays["rows"])])}


def noise(arrays: State, seed: int) -> State:
    return {"noise": np.random.default_rng(seed).random(4)}


def broken(arrays: State, seed: int) -> State:
    raise ValueError("rows of no use")


def endless(arrays: State, seed: int) -> State:
    """Never ends; makes a file when it begins, where one is named."""
    if "begun" in arrays:
        Path(arrays["begun"].tobytes().decode()).touch()
    while True:
        time.sleep(3_600)


def chatty(arrays: State, seed: int) -> State:
    print("libraries print things")
    return {"ok": np.ones(1)}


def process(arrays: State, seed: int) -> State:
    return {"pid": np.array([os.getpid()]), "nice": np.array([os.nice(0)])}
