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
    SignInFailure,
    StaffLogin,
    StaffSession,
)
from domain.models.external import ExternalIssue, ExternalProgramme
from domain.models.finding import GatewayFinding
from domain.models.goodwill import Approval, Clawback, CouponPush, Gift
from domain.models.grant import Grant
from domain.models.group import Group
from domain.models.instrument import Instrument, PointLot, PointUse
from domain.models.ledger import LedgerAccount, LedgerEntry, LedgerTransaction
from domain.models.merchant import (
    AuditEntry,
    GatewayAccount,
    GatewayQuota,
    LoneActs,
    MerchantFunds,
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
from domain.models.referral import Referral, Reward
from domain.models.share import Share, Visit
from domain.models.shopper import Address, Shopper, ShopperDay, ShopperLogin
from domain.models.withdrawal import Withdrawal
from domain.models.work import Fact, WorkRow

__all__ = [
    "DIRECTORY",
    "Address",
    "Approval",
    "AuditEntry",
    "Base",
    "BillLineRow",
    "Campaign",
    "CampaignMovement",
    "Clawback",
    "ClockOffset",
    "CouponPush",
    "ExternalIssue",
    "ExternalProgramme",
    "Fact",
    "GatewayAccount",
    "GatewayAddress",
    "GatewayFinding",
    "GatewayQuota",
    "Gift",
    "Grant",
    "Group",
    "IdempotencyKey",
    "Instrument",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransaction",
    "LoneActs",
    "Merchant",
    "MerchantApp",
    "MerchantFunds",
    "MerchantSettings",
    "Notice",
    "Order",
    "Payment",
    "PointLot",
    "PointUse",
    "Product",
    "Reconciliation",
    "ReconciliationTask",
    "Referral",
    "Refund",
    "RefusedCallbacks",
    "Reward",
    "RiskDecision",
    "RuleVersion",
    "Share",
    "ShareToken",
    "Shopper",
    "ShopperDay",
    "ShopperLogin",
    "SignInFailure",
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
