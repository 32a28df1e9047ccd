"""The folder of each file, and a way from a folder to its files."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    folder = sa.Computed("rtrim(display, replace(display, '/', ''))")
    op.add_column("file", sa.Column("folder", sa.String(length=8192), folder, nullable=True))
    op.create_index(op.f("ix_file_folder_present_asset_id"), "file", ["folder", "present", "asset_id"], unique=False)
