"""Which stretch of writing a vector comes from: how a derived index knows that its vectors are still these.

A catalog that is restored from a backup hands out ids that an index made before already holds, for other vectors.
Counting rows can't tell them apart; the random name of the stretch in which they were written can.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, func, insert, select

from retrieval.store.schema import Embedding, Epoch

__all__ = ["begin_epoch", "covers", "epoch_at"]


def begin_epoch(connection: Connection) -> None:
    """Vectors that are added from now on belong to a new epoch."""
    first = (connection.scalar(select(func.max(Embedding.vector_id))) or 0) + 1
    connection.execute(insert(Epoch).values(token=secrets.token_hex(16), first_vector_id=first))


def epoch_at(connection: Connection, vector_id: int) -> str:
    """The name of the epoch that ``vector_id`` belongs to; empty for those before the first."""
    statement = select(Epoch.token).where(Epoch.first_vector_id <= vector_id).order_by(Epoch.id.desc()).limit(1)
    return connection.scalar(statement) or ""


def covers(connection: Connection, token: str, vector_id: int) -> bool:
    """Whether this catalog wrote vectors up to ``vector_id`` in the epoch ``token``, and later ones elsewhere."""
    epoch_id = connection.scalar(select(Epoch.id).where(Epoch.token == token)) if token else 0
    if epoch_id is None:
        return False
    ends = connection.scalar(select(func.min(Epoch.first_vector_id)).where(Epoch.id > epoch_id))
    return ends is None or vector_id < ends
