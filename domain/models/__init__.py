"""Every table, one file per entity."""

from domain.models.base import Base, TenantRow
from domain.models.campaign import Campaign, CampaignMovement, RuleVersion
from domain.models.directory import (
    DIRECTORY,
    ClockOffset,
    GatewayAddress,
    Merchant,
    MerchantApp,
    ShareToken,
    StaffLogin,
    StaffSession,
)
from domain.models.grant import Grant
from domain.models.group import Group
from domain.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction
from domain.models.merchant import (
    AuditEntry,
    GatewayAccount,
    GatewayQuota,
    MerchantSettings,
    RefusedCallbacks,
    Staff,
)
from domain.models.notice import Notice
from domain.models.order import Order
from domain.models.payment import Payment, Refund
from domain.models.product import Product, Variant
from domain.models.reconciliation import BillLineRow, Reconciliation, ReconciliationTask
from domain.models.record import IdempotencyKey, RiskDecision, StateMove
from domain.models.share import Share, Visit
from domain.models.shopper import Address, Shopper, ShopperDay, ShopperLogin
from domain.models.withdrawal import Withdrawal
from domain.models.work import Fact, WorkRow

__all__ = [
    "DIRECTORY",
    "Address",
    "AuditEntry",
    "Base",
    "BillLineRow",
    "Campaign",
    "CampaignMovement",
    "ClockOffset",
    "Fact",
    "GatewayAccount",
    "GatewayAddress",
    "GatewayQuota",
    "Grant",
    "Group",
    "IdempotencyKey",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransaction",
    "Merchant",
    "MerchantApp",
    "MerchantSettings",
    "Notice",
    "Order",
    "Payment",
    "Product",
    "Reconciliation",
    "ReconciliationTask",
    "Refund",
    "RefusedCallbacks",
    "RiskDecision",
    "RuleVersion",
    "Share",
    "ShareToken",
    "Shopper",
    "ShopperDay",
    "ShopperLogin",
    "Staff",
    "StaffLogin",
    "StaffSession",
    "StateMove",
    "TenantRow",
    "Variant",
    "Visit",
    "Withdrawal",
    "WorkRow",
]
