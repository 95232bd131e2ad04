"""The double-entry ledger: accounts, transactions, entries.

An entry's sign is the direction of value: `+` flows into the account, `-` out of it.
"""

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.models.base import Base, FenColumn, Instant, TenantRow, of_merchant, refers


class LedgerAccount(TenantRow, Base):
    """An account; `owner_id` is a shopper for wallets, a gateway account for gateways, else 0.

    Only wallets hold a running balance: they are one person's. Others are sums of their entries.
    """

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("merchant_id", "kind", "owner_id"),
        CheckConstraint(
            "kind IN ('wallet', 'gateway', 'order_deposits', 'sales', 'refunds_payable',"
            " 'subsidy_expense', 'withdrawals_payable', 'tax_payable', 'coupons_payable',"
            " 'passes_payable', 'points_payable', 'external_points_payable', 'reward_expense',"
            " 'goodwill_expense', 'breakage', 'refunds_elsewhere', 'settled_offline')",
            name="kind_known",
        ),
        CheckConstraint("(balance_fen IS NOT NULL) = (kind = 'wallet')", name="balance_of_wallets"),
        CheckConstraint("balance_fen >= 0", name="balance_fen_positive"),
        of_merchant(),
        {"postgresql_with": {"fillfactor": 70}},
    )

    kind: Mapped[str]
    owner_id: Mapped[int]
    balance_fen: Mapped[FenColumn | None]


class LedgerTransaction(TenantRow, Base):
    """One business effect, once: (kind, ref_id) is unique. Append-only.

    `written_in` is the database's number of the transaction that wrote it: what seals go by.
    """

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        UniqueConstraint("merchant_id", "kind", "ref_id"),
        of_merchant(),
        Index("ix_ledger_transactions_written_in", "written_in"),
    )

    kind: Mapped[str]
    ref_id: Mapped[int]
    at: Mapped[Instant]
    written_in: Mapped[int] = mapped_column(
        server_default=text("CAST(CAST(pg_current_xact_id() AS text) AS bigint)")
    )


class LedgerEntry(TenantRow, Base):
    """One side of a transaction. Append-only; a trigger keeps each transaction's sum at zero."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount_fen <> 0", name="amount_fen_not_zero"),
        refers("transaction_id", to="ledger_transactions"),
        refers("account_id", to="ledger_accounts"),
        Index("ix_ledger_entries_account", "merchant_id", "account_id", "id"),
        Index("ix_ledger_entries_transaction", "merchant_id", "transaction_id"),
    )

    transaction_id: Mapped[int]
    account_id: Mapped[int]
    amount_fen: Mapped[FenColumn]


class LedgerSeal(TenantRow, Base):
    """A link of a merchant's chain: the hash of the transactions written in a range. Append-only.

    `chain` is the hash of the range, the digest, and the chain before.
    """

    __tablename__ = "ledger_seals"
    __table_args__ = (
        UniqueConstraint("merchant_id", "number"),
        CheckConstraint("from_xid < to_xid", name="range_forward"),
        of_merchant(),
        Index("ix_ledger_seals_to_xid", "to_xid"),
    )

    number: Mapped[int]
    from_xid: Mapped[int]
    to_xid: Mapped[int]
    transactions: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    chain: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[Instant]
