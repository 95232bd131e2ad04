"""What can stop a publication."""

from domain.errors import Conflict, Rejected


class WarningsNotAcknowledged(Conflict):
    """Warnings need an acknowledgement with a reason each; `warnings` lists those that lack it."""


class NothingToPublish(Conflict):
    """The published rules are the same already."""


class CampaignWindowPast(Rejected):
    """The campaign would be over before a group could be opened."""
