"""Transfers to shoppers (商家转账, product of January 2025): asked for, looked at, cancelled."""

from collections.abc import Mapping
from typing import Any

from domain.gateways.protocol import GatewayTransfer, TransferRequest, TransferStatus
from domain.gateways.reading import (
    Contradiction,
    Malformed,
    find_text,
    read_fen,
    read_instant,
    read_text,
    read_word,
)
from domain.gateways.wechat_answers import compare_account, failure
from domain.gateways.wechat_asking import WeChatAsking, fit_number, read, unasked
from domain.money import Fen

# Scene 1000, 现金营销 (transfer scenes page): it must report two texts, below.
SCENE = "1000"
PERCEPTION = "现金奖励"
LEAST_FEN, NAMED_FROM_FEN = 10, 200_000
_LONGEST = 32
_NOT_FOUND = {"NOTFOUND", "RESOURCENOTEXISTS"}
_STATUS = {
    "ACCEPTED": TransferStatus.PROCESSING,
    "PROCESSING": TransferStatus.PROCESSING,
    "WAIT_USER_CONFIRM": TransferStatus.AWAITING_SHOPPER,
    "TRANSFERING": TransferStatus.PROCESSING,
    "CANCELING": TransferStatus.PROCESSING,
    "SUCCESS": TransferStatus.SUCCESS,
    "FAIL": TransferStatus.FAILED,
    "CANCELLED": TransferStatus.CANCELLED,
}
_FINAL = {TransferStatus.SUCCESS, TransferStatus.FAILED, TransferStatus.CANCELLED}


class WeChatTransfers:
    """Transfers from one merchant account."""

    def __init__(self, asking: WeChatAsking, mch_no: str) -> None:
        self._asking = asking
        self._mch_no = mch_no

    def transfer(self, request: TransferRequest) -> GatewayTransfer:
        """Ask for a transfer; the same request again is the same bill, and its package afresh."""
        reported = {"活动名称": request.activity_name, "奖励说明": request.reward_note}
        _refuse_unfit(request)
        answer = self._asking.ask(
            "transfer",
            lambda: self._asking.client.mch_transfer_bills(
                appid=request.app_id,
                out_bill_no=fit_number(request.out_bill_no),
                openid=request.payee_id,
                transfer_scene_id=SCENE,
                transfer_scene_report_infos=[
                    {"info_type": kind, "info_content": content[:_LONGEST]}
                    for kind, content in reported.items()
                ],
                transfer_amount=int(request.amount_fen),
                transfer_remark=request.remark[:_LONGEST],
                user_recv_perception=PERCEPTION,
                notify_url=request.notify_url,
            ),
        )
        return read(
            answer, lambda body: _own(body, request.out_bill_no, amount_fen=request.amount_fen)
        )

    def query(self, out_bill_no: str) -> GatewayTransfer:
        """Ask how a transfer stands; no answer to this repeats the package."""
        answer = self._asking.ask(
            "query_transfer",
            lambda: self._asking.client.mch_transfer_bills_query(
                out_bill_no=fit_number(out_bill_no)
            ),
        )
        if answer.code in _NOT_FOUND:
            return GatewayTransfer(out_bill_no, TransferStatus.NOT_FOUND)
        return read(answer, lambda body: self._queried(body, out_bill_no))

    def cancel(self, out_bill_no: str) -> GatewayTransfer:
        """Ask for a transfer to be cancelled; neither its end nor its amount is told yet."""
        answer = self._asking.ask(
            "cancel_transfer",
            lambda: self._asking.client.mch_transfer_bills_cancel(fit_number(out_bill_no)),
        )
        if answer.code in _NOT_FOUND:
            return GatewayTransfer(out_bill_no, TransferStatus.NOT_FOUND)
        if not answer.is_ok:
            raise failure(answer)
        return read(answer, lambda body: _own(body, out_bill_no, amount_fen=None))

    def _queried(self, body: Mapping[str, Any], out_bill_no: str) -> GatewayTransfer:
        compare_account(body, mch_no=self._mch_no, field="mch_id")
        return _own(body, out_bill_no, amount_fen=read_fen(body, "transfer_amount"))


def read_transfer(body: Mapping[str, Any], *, amount_fen: Fen | None) -> GatewayTransfer:
    """Read a transfer, from an answer or a callback. Raises Malformed."""
    said = read_word(body, "state")
    status = _STATUS.get(said)
    if status is None:
        raise Malformed(f"state {said}")
    has_end = status in _FINAL and body.get("update_time")
    is_awaiting = status is TransferStatus.AWAITING_SHOPPER
    return GatewayTransfer(
        out_bill_no=read_text(body, "out_bill_no"),
        status=status,
        transfer_no=find_text(body, "transfer_bill_no"),
        amount_fen=amount_fen,
        package_info=find_text(body, "package_info") if is_awaiting else None,
        fail_reason=find_text(body, "fail_reason") if status is TransferStatus.FAILED else None,
        ended_at=read_instant(body, "update_time") if has_end else None,
    )


def _own(body: Mapping[str, Any], out_bill_no: str, *, amount_fen: Fen | None) -> GatewayTransfer:
    transfer = read_transfer(body, amount_fen=amount_fen)
    if transfer.out_bill_no != out_bill_no:
        raise Contradiction(out_bill_no=(out_bill_no, transfer.out_bill_no))
    return transfer


def _refuse_unfit(request: TransferRequest) -> None:
    """The SDK leaves out a name below 30 fen and raises a bare Exception for what is missing."""
    if not LEAST_FEN <= request.amount_fen < NAMED_FROM_FEN:
        raise unasked("transfer", f"{request.amount_fen} fen")
    texts = (request.payee_id, request.activity_name, request.reward_note, request.remark)
    if not all(texts):
        raise unasked("transfer", "a text is empty")
