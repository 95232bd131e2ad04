"""What can be wrong with a campaign."""

from domain.errors import Conflict, NotFound, Rejected


class CampaignNotFound(NotFound):
    """No such campaign of this merchant, or none that the caller may see."""


class RuleVersionNotFound(NotFound):
    """The campaign has no published rules of this number."""


class CampaignChanged(Conflict):
    """Somebody else changed it meanwhile; `field` and `now` say what and to what."""


class CampaignOver(Conflict):
    """The campaign has ended: it can no longer be changed or published."""


class CampaignNotMovable(Conflict):
    """The campaign is in a state from which it cannot be moved so; `state` names it."""


class TermsInvalid(Rejected):
    """The rules contradict themselves or the product's; `errors` lists each field and code."""


class BudgetBelowCommitments(Conflict):
    """The budget would be less than what is promised and spent already."""


class StockBelowCommitments(Conflict):
    """The stock would be less than what is promised and sold already."""
