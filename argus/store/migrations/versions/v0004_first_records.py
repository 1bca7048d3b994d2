"""When the first record of an alert was sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alerts", sa.Column("first_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("alerts", "first_ms")
