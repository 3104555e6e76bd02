"""What is asked each second is found without looking through every visit."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_claim_handle"), "claim", ["handle"], unique=False)
    op.create_index(op.f("ix_claim_hold_until"), "claim", ["hold_until"], unique=False)
    op.create_index("ix_visit_state_room_closed_at", "visit", ["state", "room_closed_at"], unique=False)
    op.create_index("ix_visit_state_starts_at", "visit", ["state", "starts_at"], unique=False)
