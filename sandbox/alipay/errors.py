"""Alipay's error answers: a code for the class, a sub_code for the reason, always HTTP 200."""

_MESSAGES = {
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, code: str, sub_code: str, sub_message: str) -> None:
        self.code = code
        self.sub_code = sub_code
        self.sub_message = sub_message
        super().__init__(f"{code} {sub_code}: {sub_message}")

    def payload(self) -> dict[str, str]:
        """Write the answer's fields."""
        return {
            "code": self.code,
            "msg": _MESSAGES[self.code],
            "sub_code": self.sub_code,
            "sub_msg": self.sub_message,
        }


def failed(sub_code: str, sub_message: str) -> ApiError:
    """Return a business failure."""
    return ApiError("40004", sub_code, sub_message)


def invalid(sub_code: str, sub_message: str) -> ApiError:
    """Return the refusal of a request that is not well formed."""
    return ApiError("40002", sub_code, sub_message)
