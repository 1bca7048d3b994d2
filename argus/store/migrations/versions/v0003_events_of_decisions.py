"""What a decision tells of its event."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decisions", sa.Column("type", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("failed", sa.Integer(), nullable=True))
    op.add_column("decisions", sa.Column("usd", sa.Float(53), nullable=True))


def downgrade() -> None:
    for name in ("usd", "failed", "type"):
        op.drop_column("decisions", name)
