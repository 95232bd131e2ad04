"""What can be wrong with a shopper."""

from domain.errors import Conflict, NotFound, Unauthenticated


class ShopperNotFound(NotFound):
    """No such shopper of this merchant."""


class AddressNotFound(NotFound):
    """No such address of this shopper."""


class TooManyAddresses(Conflict):
    """The shopper keeps as many addresses as allowed."""


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token has run out, was revoked, or never was: sign in again."""


class PhoneTaken(Conflict):
    """The telephone number is another shopper's of the same mini-program."""
