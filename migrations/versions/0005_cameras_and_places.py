"""Ways to contents by their camera, their lens and their place."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_asset_camera"), "asset", ["camera"], unique=False)
    op.create_index(op.f("ix_asset_lens"), "asset", ["lens"], unique=False)
    op.create_index(op.f("ix_asset_latitude_longitude"), "asset", ["latitude", "longitude"], unique=False)
