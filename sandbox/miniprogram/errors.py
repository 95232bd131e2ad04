"""The mini-program API's refusals: HTTP 200 with `errcode` and `errmsg`."""

from typing import Any

from sandbox.shapes import Check, Misshapen

_MESSAGES = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40029: "invalid code",
    40037: "invalid template_id",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    40165: "invalid weapp pagepath",
    40169: "invalid length for scene, or the data is not json string",
    40212: "invalid query",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    41030: "invalid page",
    42001: "access_token expired",
    43101: "user refuse to accept the msg",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    47001: "data format error",
    47003: "argument invalid!",
    85401: "invalid expire time or interval",
    10060001: "支付单不存在",
    10060003: "支付单已使用重新发货机会",
    10060004: "支付单处于不可发货的状态",
    10060005: "物流类型有误",
    10060006: "非快递发货时不允许分拆发货",
    10060007: "分拆发货模式下必须填写 is_all_delivered 字段",
    10060008: "商品描述 item_desc 字段不能为空",
    10060009: "商品描述 item_desc 字段太长",
    10060014: "参数错误",
    10060023: "发货信息未更新",
    10060024: "物流信息列表太长",
    10060025: "物流公司编码太长",
    10060026: "物流单号太长",
    10060031: "该笔支付单不属于 openid 所指定的用户",
    268485194: "订单单号类型非法",
    268485195: "微信支付单号形式下 transaction_id 字段不能为空",
    268485196: "商户侧单号形式下 mchid 字段不能为空",
    268485197: "商户侧单号形式下 out_trade_no 字段不能为空",
    268485216: "上传时间非法，请按照 RFC 3339 格式填写",
    268485224: "发货模式非法",
    268485226: "物流单号不能为空",
    268485227: "物流公司编码不能为空",
    268485228: "统一发货模式下物流信息列表长度必须为 1",
}


class ErrCode(Exception):
    """An answer other than success; the codes and texts are those of the public documentation."""

    def __init__(self, code: int, hint: str = "") -> None:
        self.code = code
        self.message = " ".join(filter(None, (_MESSAGES[code], hint)))
        super().__init__(f"{code}: {self.message}")


def check(expected: Check, body: Any, *, code: int = 40097) -> None:
    """Check a body. Raises ErrCode with the field at fault."""
    try:
        expected(body, "")
    except Misshapen as problem:
        raise ErrCode(code, f"{problem.field} {problem.why}") from None
