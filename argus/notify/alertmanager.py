"""Posts alerts to Alertmanager. A repeat changes nothing there, so whatever fails is posted again as it is.
A redirect is a failure too: what is asked for then is asked for without the alerts."""

from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
import msgspec

from argus.notify.sending import Failed
from core.pages import Posted

AT_ONCE: Final = 500
TIMEOUT_S: Final = 10.0


class Alertmanager:
    """One Alertmanager, by its base URL."""

    def __init__(self, session: Callable[[], aiohttp.ClientSession], url: str) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/api/v2/alerts"

    async def post(self, alerts: Sequence[Posted]) -> None:
        """Returns when all are accepted; an empty list asks whether it is there. Raises `Failed`."""
        for first in range(0, max(len(alerts), 1), AT_ONCE):
            await self._post(msgspec.json.encode(alerts[first : first + AT_ONCE]))

    async def _post(self, body: bytes) -> None:
        try:
            async with self._session().post(
                self._url,
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            ) as answer:
                if answer.status >= 300:
                    raise Failed(f"Alertmanager answered {answer.status}")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Failed(f"Alertmanager: {type(error).__name__}") from None
