"""What alembic runs. Argus hands its own connection over; alembic's command line takes `-x url=...`."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from argus.store.engine import open_engine
from argus.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run(url: str) -> None:
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    asyncio.run(connect_and_run(context.get_x_argument(as_dictionary=True)["url"]))
