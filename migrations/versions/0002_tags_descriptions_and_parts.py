"""Tags and who says them, what people wrote into and beside their files, and files that are parts of others."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
        sa.UniqueConstraint("name", name=op.f("uq_label_name")),
    )
    op.create_table(
        "tagger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagger")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_tagger_name_version")),
    )
    op.create_table(
        "description",
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=1024), nullable=True),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("keywords", sa.JSON(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_description_asset_id_asset"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_description")),
    )
    op.create_table(
        "tag",
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("tagger_id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_tag_asset_id_asset"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name=op.f("fk_tag_label_id_label")),
        sa.ForeignKeyConstraint(["tagger_id"], ["tagger.id"], name=op.f("fk_tag_tagger_id_tagger")),
        sa.PrimaryKeyConstraint("asset_id", "tagger_id", "label_id", name=op.f("pk_tag")),
    )
    op.create_index(op.f("ix_tag_label_id_asset_id"), "tag", ["label_id", "asset_id"], unique=False)
    op.create_table(
        "tag_result",
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("tagger_id", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_tag_result_asset_id_asset"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tagger_id"], ["tagger.id"], name=op.f("fk_tag_result_tagger_id_tagger")),
        sa.PrimaryKeyConstraint("asset_id", "tagger_id", name=op.f("pk_tag_result")),
    )
    op.create_table(
        "part",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("main_file_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_part_file_id_file"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["main_file_id"], ["file.id"], name=op.f("fk_part_main_file_id_file"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_part")),
    )
    op.create_index(op.f("ix_part_main_file_id"), "part", ["main_file_id"], unique=False)
    op.create_table(
        "sidecar",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(length=4096), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(length=1024), nullable=True),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("keywords", sa.JSON(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["file.id"], name=op.f("fk_sidecar_file_id_file"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sidecar")),
        sa.UniqueConstraint("file_id", "path", name=op.f("uq_sidecar_file_id_path")),
    )
    op.create_table(
        "segment_tag",
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("tagger_id", sa.Integer(), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["label_id"], ["label.id"], name=op.f("fk_segment_tag_label_id_label")),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_segment_tag_segment_id_segment"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tagger_id"], ["tagger.id"], name=op.f("fk_segment_tag_tagger_id_tagger")),
        sa.PrimaryKeyConstraint("segment_id", "tagger_id", "label_id", name=op.f("pk_segment_tag")),
    )
