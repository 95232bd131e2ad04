"""WeChat Pay's error answers."""

_STATUS = {
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "ORDERPAID": 400,
    "ORDER_CLOSED": 400,
    "APPID_MCHID_NOT_MATCH": 400,
    "NO_STATEMENT_EXIST": 400,
    "STATEMENT_CREATING": 400,
    "SIGN_ERROR": 401,
    "NO_AUTH": 403,
    "NOT_ENOUGH": 403,
    "RULE_LIMIT": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "NOT_FOUND": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
}
_OTHER_SPELLING = {
    "ORDERPAID": "ORDER_PAID",
    "ORDER_CLOSED": "ORDERCLOSED",
    "ORDER_NOT_EXIST": "ORDERNOTEXIST",
    "NOT_ENOUGH": "NOTENOUGH",
    "SYSTEM_ERROR": "SYSTEMERROR",
    "NO_STATEMENT_EXIST": "NOSTATEMENTEXIST",
    "STATEMENT_CREATING": "STATEMENTCREATING",
    "FREQUENCY_LIMITED": "FREQUENCYLIMITED",
    "INVALID_REQUEST": "INVALIDREQUEST",
    "RESOURCE_NOT_EXISTS": "RESOURCENOTEXISTS",
}


class ApiError(Exception):
    """An answer other than success: `{"code", "message"}` under the code's HTTP status."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        self.status = _STATUS[code]
        super().__init__(f"{code}: {message}")


def other_spelling(code: str) -> str:
    """Return the spelling another official page uses: they do not agree."""
    return _OTHER_SPELLING.get(code, code)
