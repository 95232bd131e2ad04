"""The double-entry ledger: accounts, transactions, entries.

An entry's sign is the direction of value: `+` flows into the account, `-` out of it.
"""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

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
            " 'goodwill_expense', 'breakage')",
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
    """One business effect, once: (kind, ref_id) is unique. Append-only."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (UniqueConstraint("merchant_id", "kind", "ref_id"), of_merchant())

    kind: Mapped[str]
    ref_id: Mapped[int]
    at: Mapped[Instant]


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
