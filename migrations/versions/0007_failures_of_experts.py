"""At which contents an expert failed, so that it is told of, and asked again when somebody wishes it.

Of what was transcribed twice, the track goes whose words had to make room: asked again, its expert gives both anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expert_failure",
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("expert", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.Column("tried_with", sa.String(length=256), nullable=False),
        sa.Column("failed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_expert_failure_asset_id_asset"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", "expert", "version", name=op.f("pk_expert_failure")),
    )
    op.execute(
        "DELETE FROM track WHERE expert IN ('speech', 'ocr') AND EXISTS (SELECT 1 FROM timed_text WHERE"
        " timed_text.asset_id = track.asset_id AND timed_text.expert = track.expert"
        " AND timed_text.version <> track.version)"
    )
