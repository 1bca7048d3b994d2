import pytest

from simulation.config import Config, Labelled
from simulation.stream import generate


@pytest.fixture(scope="session")
def fortnight() -> list[Labelled]:
    """Two weeks of 200 people, with every attack."""
    return list(generate(Config(users=200, days=14, seed=11)))


@pytest.fixture(scope="session")
def quiet() -> list[Labelled]:
    """The same two weeks without an attacker."""
    return list(generate(Config(users=200, days=14, seed=11, attacks=())))
