"""The first tables: roots, files, assets, segments, tracks, spaces, embeddings, results and failures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column("frame_rate", sa.Double(), nullable=True),
        sa.Column("has_sound", sa.Boolean(), nullable=False),
        sa.Column("codec", sa.String(length=64), nullable=True),
        sa.Column("taken_at", sa.DateTime(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("camera", sa.String(length=256), nullable=True),
        sa.Column("lens", sa.String(length=256), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
        sa.UniqueConstraint("content_hash", name=op.f("uq_asset_content_hash")),
    )
    op.create_index(op.f("ix_asset_kind"), "asset", ["kind"], unique=False)
    op.create_index(op.f("ix_asset_taken_at"), "asset", ["taken_at"], unique=False)
    op.create_table(
        "root",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(length=4096), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_root")),
        sa.UniqueConstraint("path", name=op.f("uq_root_path")),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=1024), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_setting")),
    )
    op.create_table(
        "space",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=1024), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("normalized", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_space")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_space_name_version")),
    )
    op.create_table(
        "file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(length=4096), nullable=False),
        sa.Column("display", sa.String(length=8192), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.String(length=20), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("needs_reading", sa.Boolean(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_file_asset_id_asset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("path", name=op.f("uq_file_path")),
    )
    op.create_index(op.f("ix_file_asset_id"), "file", ["asset_id"], unique=False)
    op.create_table(
        "result",
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_result_asset_id_asset"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_result_space_id_space")),
        sa.PrimaryKeyConstraint("asset_id", "space_id", name=op.f("pk_result")),
    )
    op.create_table(
        "segmentation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_segmentation_asset_id_asset"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segmentation")),
        sa.UniqueConstraint("asset_id", "method", "version", name=op.f("uq_segmentation_asset_id_method_version")),
    )
    op.create_table(
        "track",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("expert", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("times", sa.LargeBinary(), nullable=True),
        sa.Column("features", sa.LargeBinary(), nullable=True),
        sa.Column("path", sa.String(length=256), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_track_asset_id_asset"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_track")),
        sa.UniqueConstraint("asset_id", "expert", "version", name=op.f("uq_track_asset_id_expert_version")),
    )
    op.create_table(
        "failure",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("tried_with", sa.String(length=256), nullable=False),
        sa.Column("failed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_failure_file_id_file"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_failure")),
    )
    op.create_table(
        "segment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start_seconds", sa.Double(), nullable=True),
        sa.Column("end_seconds", sa.Double(), nullable=True),
        sa.Column("time_seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["segmentation_id"],
            ["segmentation.id"],
            name=op.f("fk_segment_segmentation_id_segmentation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("segmentation_id", "position", name=op.f("uq_segment_segmentation_id_position")),
    )
    op.create_table(
        "embedding",
        sa.Column("vector_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_embedding_segment_id_segment"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name=op.f("fk_embedding_space_id_space")),
        sa.PrimaryKeyConstraint("vector_id", name=op.f("pk_embedding")),
        sa.UniqueConstraint("segment_id", "space_id", name=op.f("uq_embedding_segment_id_space_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_embedding_space_id_vector_id"), "embedding", ["space_id", "vector_id"], unique=False)
    # ### end Alembic commands ###
