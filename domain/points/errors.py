"""What can be wrong with points."""

from domain.errors import Conflict, NotFound, Rejected


class TooFewPoints(Conflict):
    """The shopper has fewer points than the price; `left_fen` says how much they are worth."""


class NotForPoints(Rejected):
    """The variant has no points price."""


class ProgrammeNotFound(NotFound):
    """No such programme of an outside brand."""


class ProgrammeTaken(Conflict):
    """The merchant has a programme of this name."""


class ProgrammeUrlNotAllowed(Rejected):
    """The webhook's URL is not https of a public host."""


class NotAWebhook(Conflict):
    """The programme takes its points by file: it has no secret."""


class NotByFile(Conflict):
    """The programme takes its points by webhook: there is nothing to export."""


class NothingToExport(Conflict):
    """No points of the programme wait to be exported."""


class ExportNotOpen(Conflict):
    """There is no file of that number that waits to be confirmed."""


class ExportNotFound(NotFound):
    """There is no file of that number."""
