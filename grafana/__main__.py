"""Writes every board to `grafana/boards/UID.json`."""

from pathlib import Path
from typing import Final

from grafana.agents import AGENTS
from grafana.alerting import ALERTING
from grafana.board import Board
from grafana.kafka import KAFKA
from grafana.models import MODELS
from grafana.overview import OVERVIEW
from grafana.security import SECURITY

BOARDS: Final[tuple[Board, ...]] = (OVERVIEW, AGENTS, KAFKA, MODELS, SECURITY, ALERTING)
FOLDER: Final = Path(__file__).parent / "boards"


def files() -> dict[Path, str]:
    """What each file holds."""
    return {FOLDER / f"{board.uid}.json": board.as_json() for board in BOARDS}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
