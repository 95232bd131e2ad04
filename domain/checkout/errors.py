"""What can be wrong with a checkout that is no single noun's fault."""

from domain.errors import Conflict, Rejected


class CampaignNotRunning(Conflict):
    """The campaign is not published, or its window is not open."""


class TooLateToOpen(Conflict):
    """Too little of the campaign's window is left for a new group."""


class BudgetExhausted(Conflict):
    """The worst a new group may cost is no longer in the campaign's budget."""


class StockExhausted(Conflict):
    """Not enough stock is left for a new group, or for this order."""


class VariantNotSold(Rejected):
    """The variant is not part of this."""


class NothingToShip(Conflict):
    """The order is not being fulfilled, or no payment at WeChat stands behind it."""
