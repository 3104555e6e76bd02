"""Runs migrations on the connection that `telemed.schema` gives, in its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and type(item).__module__ == "telemed.db":
        autogen.imports.add("import telemed.db")
        return f"telemed.db.{type(item).__name__}()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
