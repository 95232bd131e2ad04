"""State machines: the only legal moves (product rules, section 8). Pure.

The migrations turn these tables into a CHECK on `state_moves` and into triggers that record each
move with its time and actor, so that no statement can move a row along an edge that is not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class CampaignState(StrEnum):
    """A campaign's life."""

    DRAFT = "draft"
    PUBLISHED = "published"
    PAUSED = "paused"
    ENDED = "ended"
    ARCHIVED = "archived"


class GroupState(StrEnum):
    """A group's life; formed, formed_short, failed, cancelled, closed, abandoned are final."""

    PENDING = "pending"
    OPEN = "open"
    FROZEN = "frozen"
    CLOSING = "closing"
    FORMED = "formed"
    FORMED_SHORT = "formed_short"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    ABANDONED = "abandoned"


class SeatState(StrEnum):
    """A seat's life, kept on its order."""

    HELD = "held"
    TAKEN = "taken"
    RELEASING = "releasing"
    RELEASED = "released"


class OrderState(StrEnum):
    """An order's life."""

    PLACED = "placed"
    PAID = "paid"
    FULFILLING = "fulfilling"
    FULFILLED = "fulfilled"
    AFTERSALE = "aftersale"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PaymentState(StrEnum):
    """A gateway payment's life."""

    CREATED = "created"
    PENDING = "pending"
    UNKNOWN = "unknown"
    CLOSING = "closing"
    CLOSED = "closed"
    SUCCEEDED = "succeeded"


class RefundState(StrEnum):
    """A gateway refund's life."""

    REQUESTED = "requested"
    SENDING = "sending"
    ACCEPTED = "accepted"
    NEEDS_FUNDS = "needs_funds"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    ABNORMAL = "abnormal"
    CLOSED = "closed"
    ARRIVED = "arrived"
    SETTLED_OFFLINE = "settled_offline"


class GrantState(StrEnum):
    """A subsidy grant's life."""

    DECIDED = "decided"
    SCHEDULED = "scheduled"
    ISSUED = "issued"
    HELD = "held"
    ZERO = "zero"
    DENIED = "denied"
    CLAWED_BACK = "clawed_back"


class InstrumentState(StrEnum):
    """A coupon's or pass's life; reserved while its order is unpaid."""

    ISSUED = "issued"
    RESERVED = "reserved"
    SPENT = "spent"
    EXPIRED = "expired"
    CLAWED_BACK = "clawed_back"


class WithdrawalState(StrEnum):
    """A withdrawal's life: from the wallet to the shopper through the gateway."""

    REQUESTED = "requested"
    SENDING = "sending"
    AWAITING_SHOPPER = "awaiting_shopper"
    UNKNOWN = "unknown"
    NEEDS_FUNDS = "needs_funds"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class WorkState(StrEnum):
    """A work row's life."""

    DUE = "due"
    LEASED = "leased"
    DONE = "done"
    PARKED = "parked"


LIVE_ORDER_STATES = (
    OrderState.PAID,
    OrderState.FULFILLING,
    OrderState.FULFILLED,
    OrderState.AFTERSALE,
)
FINAL_WITHDRAWAL_STATES = (
    WithdrawalState.SUCCEEDED,
    WithdrawalState.FAILED,
    WithdrawalState.EXPIRED,
    WithdrawalState.CANCELLED,
)
FINAL_GROUP_STATES = (
    GroupState.FORMED,
    GroupState.FORMED_SHORT,
    GroupState.FAILED,
    GroupState.CANCELLED,
    GroupState.CLOSED,
    GroupState.ABANDONED,
)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: the table and column it lives in, and its edges."""

    name: str
    table: str
    column: str
    states: type[StrEnum]
    initial: tuple[str, ...]
    edges: Mapping[str, tuple[str, ...]]

    def allows(self, from_state: str, to_state: str) -> bool:
        """Say whether the move is legal."""
        return to_state in self.edges.get(from_state, ())

    def pairs(self) -> list[tuple[str, str]]:
        """List the legal moves."""
        return [(old, new) for old, news in self.edges.items() for new in news]


CAMPAIGN = Machine(
    "campaign",
    "campaigns",
    "state",
    CampaignState,
    ("draft",),
    {
        "draft": ("published",),
        "published": ("paused", "ended"),
        "paused": ("published", "ended"),
        "ended": ("archived",),
    },
)
GROUP = Machine(
    "group",
    "groups",
    "state",
    GroupState,
    ("pending",),
    {
        "pending": ("open", "abandoned"),
        "open": ("formed", "frozen", "closing", "closed"),
        "frozen": ("formed", "formed_short", "closed"),
        "closing": ("failed", "cancelled", "closed", "formed"),
    },
)
SEAT = Machine(
    "seat",
    "orders",
    "seat_state",
    SeatState,
    ("held",),
    {
        "held": ("taken", "releasing"),
        "releasing": ("taken", "released"),
        "taken": ("released",),
    },
)
ORDER = Machine(
    "order",
    "orders",
    "state",
    OrderState,
    ("placed",),
    {
        "placed": ("paid", "expired", "cancelled"),
        "paid": ("fulfilling", "refunding"),
        "fulfilling": ("fulfilled", "refunding"),
        "fulfilled": ("aftersale",),
        "aftersale": ("fulfilled", "refunding"),
        "refunding": ("refunded",),
    },
)
PAYMENT = Machine(
    "payment",
    "payments",
    "state",
    PaymentState,
    ("created",),
    {
        "created": ("pending", "succeeded", "unknown", "closing", "closed"),
        "pending": ("succeeded", "closing", "unknown"),
        "closing": ("closed", "succeeded"),
        "unknown": ("pending", "succeeded", "closing", "closed"),
        "closed": ("succeeded",),
    },
)
REFUND = Machine(
    "refund",
    "refunds",
    "state",
    RefundState,
    ("requested", "accepted"),
    {
        "requested": ("sending", "closed"),
        "sending": (
            "accepted",
            "needs_funds",
            "unknown",
            "rejected",
            "requested",
            "arrived",
            "abnormal",
            "closed",
        ),
        "needs_funds": ("sending",),
        "unknown": ("sending", "arrived", "abnormal", "closed"),
        "accepted": ("arrived", "abnormal", "closed"),
        "abnormal": ("arrived",),
        "closed": ("requested",),
        "rejected": ("requested", "closed", "settled_offline"),
    },
)
GRANT = Machine(
    "grant",
    "grants",
    "state",
    GrantState,
    ("decided",),
    {
        "decided": ("scheduled", "issued", "held", "zero"),
        "scheduled": ("issued", "held"),
        "held": ("issued", "denied"),
        "issued": ("clawed_back",),
    },
)
INSTRUMENT = Machine(
    "instrument",
    "instruments",
    "state",
    InstrumentState,
    ("issued",),
    {
        "issued": ("reserved", "expired", "clawed_back"),
        "reserved": ("spent", "issued"),
        "spent": ("issued",),
    },
)
WITHDRAWAL = Machine(
    "withdrawal",
    "withdrawals",
    "state",
    WithdrawalState,
    ("requested",),
    {
        "requested": ("sending",),
        "sending": ("awaiting_shopper", "succeeded", "failed", "unknown", "needs_funds"),
        "needs_funds": ("sending",),
        "awaiting_shopper": ("succeeded", "expired", "cancelled", "failed"),
        "unknown": ("sending",),
    },
)
WORK = Machine(
    "work",
    "work_rows",
    "state",
    WorkState,
    ("due",),
    {
        "due": ("leased",),
        "leased": ("done", "due", "parked"),
        "parked": ("due",),
    },
)

RECORDED = (CAMPAIGN, GROUP, SEAT, ORDER, PAYMENT, REFUND, GRANT, INSTRUMENT, WITHDRAWAL)
MACHINES = (*RECORDED, WORK)
