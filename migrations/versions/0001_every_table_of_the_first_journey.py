"""Every table of the first journey."""

import sqlalchemy as sa
from alembic import op

import telemed.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NEVER_ALTERED = ("entry", "audit_event")
"""Tables that only grow: the database itself refuses what no route offers."""


def upgrade() -> None:
    op.create_table(
        "attempt_window",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("window_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint("count > 0", name=op.f("ck_attempt_window_count")),
        sa.PrimaryKeyConstraint("subject", "window_at", name=op.f("pk_attempt_window")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("actor", telemed.db.Json(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=True),
        sa.Column("detail", telemed.db.Json(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_event_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_audit_event_subject"), "audit_event", ["subject"], unique=False)
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("wrapped", sa.String(), nullable=False),
        sa.Column("created_at", telemed.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_data_key_subject_id"), "data_key", ["subject_id"], unique=False)
    op.create_table(
        "doctor",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("specialties", telemed.db.Json(), nullable=False),
        sa.Column("languages", telemed.db.Json(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("visit_minutes", sa.Integer(), nullable=False),
        sa.Column("active", telemed.db.Flag(), nullable=False),
        sa.Column("created_at", telemed.db.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "visit_minutes BETWEEN 5 AND 120 AND visit_minutes % 5 = 0", name=op.f("ck_doctor_visit_minutes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_doctor")),
        sqlite_strict=True,
    )
    op.create_table(
        "known_trust_list",
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("accepted_at", telemed.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("root", name=op.f("pk_known_trust_list")),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("body", telemed.db.Json(), nullable=False),
        sa.Column("created_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("next_try_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("give_up_at", telemed.db.UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("settled_at", telemed.db.UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.CheckConstraint("(settled_at IS NULL) OR (outcome IS NOT NULL)", name=op.f("ck_outbox_message_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_outbox_message_due",
        "outbox_message",
        ["next_try_at"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(op.f("ix_outbox_message_subject_id"), "outbox_message", ["subject_id"], unique=False)
    op.create_table(
        "replica_entry",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("body", telemed.db.Json(), nullable=False),
        sa.Column("pulled_at", telemed.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("node", "doctor_id", name=op.f("pk_replica_entry")),
        sqlite_strict=True,
    )
    op.create_table(
        "replica_state",
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("pulled_at", telemed.db.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_replica_state")),
        sqlite_strict=True,
    )
    op.create_table(
        "seen_nonce",
        sa.Column("keyid", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("expires_at", telemed.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("keyid", "nonce", name=op.f("pk_seen_nonce")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_seen_nonce_expires_at"), "seen_nonce", ["expires_at"], unique=False)
    op.create_table(
        "stored_answer",
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("body_digest", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("answered_at", telemed.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "idempotency_key", name=op.f("pk_stored_answer")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_stored_answer_answered_at"), "stored_answer", ["answered_at"], unique=False)
    op.create_table(
        "account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("contact_hmac", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("sealed_profile", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=True),
        sa.Column("audit_handle", sa.String(), nullable=False),
        sa.Column("created_at", telemed.db.UtcDateTime(), nullable=False),
        sa.CheckConstraint("role IN ('patient', 'doctor', 'administrator')", name=op.f("ck_account_role")),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctor.id"], name=op.f("fk_account_doctor_id_doctor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("audit_handle", name=op.f("uq_account_audit_handle")),
        sa.UniqueConstraint("contact_hmac", name=op.f("uq_account_contact_hmac")),
        sa.UniqueConstraint("doctor_id", name=op.f("uq_account_doctor_id")),
        sqlite_strict=True,
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.Column("signed_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["audit_event.seq"], name=op.f("fk_audit_checkpoint_seq_audit_event")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_checkpoint")),
        sqlite_strict=True,
    )
    op.create_table(
        "claim",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("patient_node", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("starts_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("specialty", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("hold_until", telemed.db.UtcDateTime(), nullable=True),
        sa.CheckConstraint("(state = 'held') = (hold_until IS NOT NULL)", name=op.f("ck_claim_hold")),
        sa.CheckConstraint("state IN ('held', 'confirmed', 'lapsed', 'ended')", name=op.f("ck_claim_state")),
        sa.CheckConstraint("minutes > 0 AND minutes % 5 = 0", name=op.f("ck_claim_minutes")),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctor.id"], name=op.f("fk_claim_doctor_id_doctor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_claim_doctor_id"), "claim", ["doctor_id"], unique=False)
    op.create_index(op.f("ix_claim_patient_node"), "claim", ["patient_node"], unique=False)
    op.create_table(
        "licence",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("jurisdiction", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("valid_from", sa.String(), nullable=False),
        sa.Column("valid_until", sa.String(), nullable=False),
        sa.CheckConstraint("valid_from <= valid_until", name=op.f("ck_licence_validity")),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctor.id"], name=op.f("fk_licence_doctor_id_doctor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_licence_doctor_id"), "licence", ["doctor_id"], unique=False)
    op.create_table(
        "publication",
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("body", telemed.db.Json(), nullable=False),
        sa.Column("published_at", telemed.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctor.id"], name=op.f("fk_publication_doctor_id_doctor")),
        sa.PrimaryKeyConstraint("doctor_id", name=op.f("pk_publication")),
        sa.UniqueConstraint("cursor", name=op.f("uq_publication_cursor")),
        sqlite_strict=True,
    )
    op.create_table(
        "working_hours",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("start_minute", sa.Integer(), nullable=False),
        sa.Column("end_minute", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "0 <= start_minute AND start_minute < end_minute AND end_minute <= 1440",
            name=op.f("ck_working_hours_minutes"),
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_working_hours_weekday")),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctor.id"], name=op.f("fk_working_hours_doctor_id_doctor")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_working_hours")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_working_hours_doctor_id"), "working_hours", ["doctor_id"], unique=False)
    op.create_table(
        "claim_cell",
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("cell_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_claim_cell_claim_id_claim")),
        sa.ForeignKeyConstraint(["doctor_id"], ["doctor.id"], name=op.f("fk_claim_cell_doctor_id_doctor")),
        sa.PrimaryKeyConstraint("doctor_id", "cell_at", name=op.f("pk_claim_cell")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_claim_cell_claim_id"), "claim_cell", ["claim_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("started_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", telemed.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_session_account_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_token_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"], unique=False)
    op.create_table(
        "visit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False),
        sa.Column("handle", sa.String(), nullable=False),
        sa.Column("doctor_node", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("doctor", telemed.db.Json(), nullable=False),
        sa.Column("starts_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("specialty", sa.String(), nullable=False),
        sa.Column("rule", telemed.db.Json(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("trying", telemed.db.Flag(), nullable=False),
        sa.Column("request_key", sa.String(), nullable=False),
        sa.Column("request_digest", sa.String(), nullable=False),
        sa.Column("requested_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("hold_until", telemed.db.UtcDateTime(), nullable=True),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("admitted_at", telemed.db.UtcDateTime(), nullable=True),
        sa.Column("ended_at", telemed.db.UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("room_closed_at", telemed.db.UtcDateTime(), nullable=True),
        sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name=op.f("ck_visit_ended")),
        sa.CheckConstraint(
            "state IN ('requested', 'held', 'confirmed', 'gone', 'unreachable', 'ended')", name=op.f("ck_visit_state")
        ),
        sa.CheckConstraint("minutes > 0 AND minutes % 5 = 0", name=op.f("ck_visit_minutes")),
        sa.ForeignKeyConstraint(["patient_id"], ["account.id"], name=op.f("fk_visit_patient_id_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("handle", name=op.f("uq_visit_handle")),
        sa.UniqueConstraint("patient_id", "request_key", name=op.f("uq_visit_patient_id_request_key")),
        sa.UniqueConstraint("room", name=op.f("uq_visit_room")),
        sqlite_strict=True,
    )
    op.create_index("ix_visit_patient_id_starts_at", "visit", ["patient_id", "starts_at"], unique=False)
    op.create_table(
        "arrival",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("doctor", telemed.db.Json(), nullable=False),
        sa.Column("assertion", sa.String(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("expires_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("spent_at", telemed.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_arrival_visit_id_visit")),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_arrival")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_arrival_code_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_arrival_visit_id"), "arrival", ["visit_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False),
        sa.Column("doctor_node", sa.String(), nullable=False),
        sa.Column("doctor_id", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("items", telemed.db.Json(), nullable=False),
        sa.Column("until", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("given_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", telemed.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["patient_id"], ["account.id"], name=op.f("fk_consent_patient_id_account")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_consent_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_consent_visit_id")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_consent_patient_id"), "consent", ["patient_id"], unique=False)
    op.create_table(
        "draft",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", telemed.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_draft_visit_id_visit")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_draft")),
        sqlite_strict=True,
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("author", telemed.db.Json(), nullable=True),
        sa.Column("assertion", sa.String(), nullable=True),
        sa.Column("created_at", telemed.db.UtcDateTime(), nullable=False),
        sa.CheckConstraint("(kind = 'note') = (assertion IS NOT NULL)", name=op.f("ck_entry_assertion")),
        sa.CheckConstraint("(kind = 'note') = (author IS NOT NULL)", name=op.f("ck_entry_author")),
        sa.CheckConstraint("kind IN ('intake', 'note')", name=op.f("ck_entry_kind")),
        sa.ForeignKeyConstraint(["patient_id"], ["account.id"], name=op.f("fk_entry_patient_id_account")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_entry_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("visit_id", "kind", "revision", name=op.f("uq_entry_visit_id_kind_revision")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_entry_patient_id"), "entry", ["patient_id"], unique=False)
    op.create_table(
        "visit_session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("started_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", telemed.db.UtcDateTime(), nullable=False),
        sa.Column("ended_at", telemed.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["jti"], ["arrival.jti"], name=op.f("fk_visit_session_jti_arrival")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_session_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_visit_session_token_hash")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_visit_session_visit_id"), "visit_session", ["visit_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _keep_on_postgresql()
    else:
        _keep_on_sqlite()


def _keep_on_sqlite() -> None:
    for table in NEVER_ALTERED:
        for deed in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{deed} BEFORE {deed.upper()} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} rows are never altered'); END"
            )


def _keep_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_alteration() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% rows are never altered', TG_TABLE_NAME "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in NEVER_ALTERED:
        op.execute(
            f"CREATE TRIGGER {table}_never_altered BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_alteration()"
        )
