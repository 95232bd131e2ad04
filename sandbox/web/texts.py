"""The page's texts, Chinese and English, and its way of writing money and instants."""

from datetime import datetime
from decimal import Decimal, InvalidOperation

LANGUAGES = {"zh": "中文", "en": "English"}

_TEXTS = {
    "title": ("支付网关沙箱", "Payment gateway sandbox"),
    "orders": ("订单", "Orders"),
    "refunds": ("退款", "Refunds"),
    "transfers": ("转账", "Transfers"),
    "callbacks": ("回调", "Callbacks"),
    "wechat": ("微信支付", "WeChat Pay"),
    "alipay": ("支付宝", "Alipay"),
    "messages": ("消息", "Messages"),
    "accounts": ("账户", "Accounts"),
    "faults": ("故障", "Faults"),
    "clock": ("时钟", "Clock"),
    "nothing": ("暂无记录", "Nothing here yet"),
    "all": ("全部", "All"),
    "older": ("更早的", "Older"),
    "newest": ("最新的", "Newest"),
    "live": ("自动刷新", "Refresh by itself"),
    "ahead": ("比真实时间快", "ahead of real time by"),
    "next_due": ("下一件事", "Next thing due"),
    "drained": ("没有待办", "Nothing is waiting"),
    "done": ("完成", "Done"),
    "refused": ("未执行", "Not done"),
    "reload": ("页面已过期，请刷新后重试", "This page is out of date: reload it and try again"),
    "stranger": ("仅限本机访问", "This machine only"),
    "mchid": ("商户号", "Merchant number"),
    "appid": ("小程序", "Mini-program"),
    "out_trade_no": ("商户订单号", "Order number"),
    "out_refund_no": ("商户退款单号", "Refund number"),
    "transaction_id": ("支付单号", "Transaction"),
    "state": ("状态", "State"),
    "status": ("状态", "Status"),
    "amount": ("金额", "Amount"),
    "openid": ("用户", "Shopper"),
    "created_at": ("创建时间", "Created"),
    "success_at": ("完成时间", "Finished"),
    "event_type": ("事件", "Event"),
    "number": ("单号", "Number"),
    "attempts": ("次数", "Tries"),
    "last": ("最近结果", "Last answer"),
    "next_step": ("下一步", "Next step"),
    "returned": ("已退票", "returned"),
    "due_at": ("下次发送", "Next try"),
    "template_id": ("模板", "Template"),
    "data": ("内容", "Content"),
    "seller_id": ("卖家编号", "Seller"),
    "out_bill_no": ("商户转账单号", "Transfer number"),
    "fail_reason": ("失败原因", "Reason"),
    "balance_fen": ("余额", "Balance"),
    "operation_fen": ("运营账户", "Operation account"),
    "days": ("天数", "Days"),
    "refund_delay": ("退款耗时（秒）", "Refunds take (seconds)"),
    "unlimited": ("余额不限", "Balance without limit"),
    "name": ("故障", "Fault"),
    "operation": ("操作", "Operation"),
    "probability": ("概率", "Probability"),
    "count": ("次数（空为不限）", "Times (empty: no end)"),
    "remaining": ("剩余", "Left"),
    "fired": ("已触发", "Struck"),
    "latency_ms": ("延迟（毫秒）", "Wait (ms)"),
    "any_merchant": ("所有商户", "Any merchant"),
    "yuan": ("元", "yuan"),
    "pay": ("支付成功", "Pay"),
    "pay_anyway": ("强制支付", "Pay anyway"),
    "fail": ("支付失败", "Fail"),
    "end_success": ("退款成功", "Succeed"),
    "end_abnormal": ("退款异常", "Abnormal"),
    "end_closed": ("退款关闭", "Close"),
    "transfer_proceed": ("受理完成", "Proceed"),
    "transfer_confirm": ("用户确认", "Confirm"),
    "transfer_ignore": ("用户忽略", "Ignore"),
    "transfer_expire": ("超时关闭", "Let it expire"),
    "transfer_fail": ("转账失败", "Fail"),
    "alipay_success": ("转账成功", "Succeed"),
    "alipay_dealing": ("改为处理中", "Still dealing"),
    "alipay_fail": ("转账失败", "Fail"),
    "alipay_refund": ("退票", "Return it"),
    "resend": ("重发", "Send again"),
    "set": ("设为", "Set"),
    "top_up": ("充值", "Top up"),
    "save": ("保存", "Save"),
    "advance": ("快进", "Advance"),
    "to_next": ("快进到下一件事", "To the next thing due"),
    "minute": ("1 分钟", "1 minute"),
    "quarter": ("15 分钟", "15 minutes"),
    "hour": ("1 小时", "1 hour"),
    "day": ("24 小时", "24 hours"),
    "add_fault": ("添加故障", "Add a fault"),
    "remove": ("移除", "Remove"),
    "remove_all": ("全部移除", "Remove all"),
    "not_money": ("金额应为元，最多两位小数", "An amount is in yuan with at most two decimals"),
    "not_a_number": ("请输入数字", "A number is needed"),
    "NOTPAY": ("未支付", "unpaid"),
    "SUCCESS": ("成功", "successful"),
    "REFUND": ("转入退款", "refunding"),
    "CLOSED": ("已关闭", "closed"),
    "PROCESSING": ("处理中", "under way"),
    "ABNORMAL": ("异常", "abnormal"),
    "ACCEPTED": ("已受理", "accepted"),
    "WAIT_USER_CONFIRM": ("待用户确认", "awaiting the shopper"),
    "TRANSFERING": ("转账中", "on its way"),
    "FAIL": ("失败", "failed"),
    "CANCELING": ("撤销中", "being cancelled"),
    "CANCELLED": ("已撤销", "cancelled"),
    "WAIT_BUYER_PAY": ("未支付", "unpaid"),
    "TRADE_SUCCESS": ("成功", "successful"),
    "TRADE_FINISHED": ("已完结", "finished"),
    "TRADE_CLOSED": ("已关闭", "closed"),
    "DEALING": ("处理中", "under way"),
    "pending": ("待送达", "on its way"),
    "delivered": ("已送达", "delivered"),
    "exhausted": ("已放弃", "given up"),
}


def say(key: str, language: str) -> str:
    """Return a text; a word that has none stands for itself."""
    zh, en = _TEXTS.get(key, (key, key))
    return zh if language == "zh" else en


def has_text(key: str) -> bool:
    """Say whether a word has a text."""
    return key in _TEXTS


def yuan(fen: int | None) -> str:
    """Write an amount in yuan, with thousands apart."""
    return "" if fen is None else f"{Decimal(fen) / 100:,.2f}"


def read_yuan(text: str) -> int:
    """Read an amount in yuan as fen. Raises ValueError."""
    try:
        fen = Decimal(text.replace(",", "").strip()) * 100
    except InvalidOperation:
        raise ValueError(text) from None
    if not fen.is_finite() or fen != int(fen) or abs(fen) > 10**14:
        raise ValueError(text)
    return int(fen)


def short_instant(text: str | None) -> str:
    """Write an instant of the control API as a person reads it: Beijing time."""
    return "" if text is None else f"{datetime.fromisoformat(text):%m-%d %H:%M:%S}"


def duration(seconds: float, language: str) -> str:
    """Write a duration by its two largest units."""
    units = (("天", "d", 86400), ("小时", "h", 3600), ("分", "min", 60), ("秒", "s", 1))
    left, parts = round(seconds), []
    for zh, en, size in units:
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {zh if language == 'zh' else en}")
    return " ".join(parts[:2]) or ("0 秒" if language == "zh" else "0 s")
