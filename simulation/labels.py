"""Labels: the truth about each event, one line each, as `argus evaluate` reads it."""

from core.records import encode
from simulation.config import Labelled


def label_line(labelled: Labelled) -> str:
    return (
        encode(
            {
                "event_id": labelled.event["event_id"],
                "user_id": labelled.event["user_id"],
                "label": labelled.label,
                "attack": labelled.attack,
                "campaign": labelled.campaign,
                "intensity": labelled.intensity,
                "trap": labelled.trap,
            }
        ).decode()
        + "\n"
    )
