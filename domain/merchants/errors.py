"""What can be wrong with a merchant, its staff and its apps."""

from domain.errors import Conflict, Forbidden, NotFound, Rejected, Unauthenticated


class AppNotFound(NotFound):
    """No mini-program has this app id."""


class WrongLogin(Unauthenticated):
    """No such login, or another password: which of them is not told."""


class WrongPassword(Rejected):
    """The present password is another one."""


class SessionEnded(Unauthenticated):
    """The session or token has run out, was revoked, or never was."""


class StaffNotFound(NotFound):
    """The merchant has no such member of staff, or the person has no login."""


class StaffOwn(Forbidden):
    """Another owner does this: nobody shuts themselves out, or resets what they may change."""


class LastOwner(Conflict):
    """The merchant has no other owner who may sign in."""


class RoleTooLow(Forbidden):
    """The member of staff's role may not do this; `required` names the lowest that may."""


class LoginTaken(Conflict):
    """Another member of staff (of any merchant) has this login."""


class AppTaken(Conflict):
    """Another merchant has this app id."""


class GatewayAccountTaken(Conflict):
    """The merchant has an account of this number already."""


class MerchantNotFound(NotFound):
    """No such merchant."""


class CredentialsIncomplete(Rejected):
    """The keys of a gateway account lack a field, or name one that there is not."""


class GatewayAccountNotFound(NotFound):
    """No such gateway account."""


class GatewayAccountDiffers(Rejected):
    """The keys are of another gateway or merchant number than the account."""


class RotationUnfinished(Conflict):
    """Two sets of keys are in use already: retire the former ones first."""


class AppNotOnWechat(Rejected):
    """The mini-program is not WeChat's, which this needs."""


class PointsPricesNotWhole(Conflict):
    """A variant's price in points would not be whole ones; `point_fen` is what one would be."""


class PointsOutstanding(Conflict):
    """Shoppers hold points: what one is worth can no longer change."""


class BudgetBelowSpent(Conflict):
    """More of the goodwill budget is spent already; `spent_fen` says how much."""


class ApprovalNeeded(Conflict):
    """Above `limit_fen` in a day a second person decides: POST /v1/merchant/approvals.

    `spent_fen` is what the person did alone today of this kind.
    """


class TooFewApprovers(Conflict):
    """A limit needs two people who may approve; `approvers` says how many there are."""


class ApprovalNotFound(NotFound):
    """No such approval."""


class ApprovalDecided(Conflict):
    """The approval is decided already; `state` says how."""


class ApprovalOutdated(Conflict):
    """What was asked for would move `now_fen` instead of `asked_fen` by now: ask for it anew."""


class ApprovalOwn(Forbidden):
    """Whoever asked may withdraw but not decide; only they may withdraw.

    A change of the limit itself they may approve from `alone_from_at` on.
    """
