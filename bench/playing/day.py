"""One day of simulated shoppers: what each of them does when their moment comes."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bench.playing.agenda import Clock, Event
from bench.playing.setting_up import Offer
from bench.shoppers.calling import Answer, Refused, Unanswered
from bench.shoppers.drawing import Intent, Opening, Person
from bench.shoppers.phone import Mall, Phone

AFTER_THE_HOLD = timedelta(minutes=6)
"""A seat is held for 5 minutes: who pays then is too late."""

ADDRESS = {
    "recipient": "收件人",
    "phone": "13800000000",
    "region": "上海市 浦东新区",
    "detail": "世纪大道 1 号",
}
PAID = frozenset({"paid", "fulfilling", "fulfilled", "aftersale"})
ORDINARY_REFUSALS = frozenset(
    {"group_full", "group_not_open", "too_late_to_join", "nothing_to_pay"}
)
"""What a shopper may meet on an ordinary day: somebody was faster, or the time was up."""

Planned = list[tuple[datetime, Event]]


@dataclass(slots=True)
class Member:
    """Somebody who placed an order in a group."""

    phone: Phone
    person: Person
    order_id: str
    group_id: str


@dataclass(slots=True)
class Notes:
    """What the players noted down; shared by threads."""

    members: list[Member] = field(default_factory=list)
    group_ids: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, operation: str, answer: Answer) -> None:
        """Note a refusal; one that no shopper should meet is a problem."""
        with self.lock:
            self.refusals[answer.code or str(answer.status)] += 1
            if answer.code not in ORDINARY_REFUSALS:
                self.problems.append(str(Refused(operation, answer)))

    def note_problem(self, problem: str) -> None:
        """Note what went wrong."""
        with self.lock:
            self.problems.append(problem)


class Day:
    """Plans the openings of a day, and turns each event into what it leads to."""

    def __init__(
        self, mall: Mall, offer: Offer, clock: Clock, *, starts_at: datetime, step: timedelta
    ) -> None:
        self._mall = mall
        self._offer = offer
        self._clock = clock
        self._starts_at = starts_at
        self._step = step
        self.notes = Notes()

    def plan(self, openings: Sequence[Opening]) -> Planned:
        """Plan the openings; all else follows from them."""
        return [
            (self._starts_at + opening.after, self._noted(self._open, opening))
            for opening in openings
        ]

    def plan_return(self, member: Member) -> Event:
        """Plan that a member looks how the group ended, and comes back as they like."""
        return self._noted(self._return, member)

    def _noted(self, act: Callable[[Any], Planned], subject: Any) -> Event:
        """Wrap an act so that its failure is noted, and does not end the day."""

        def event() -> Planned:
            try:
                return act(subject)
            except (Refused, Unanswered) as error:
                self.notes.note_problem(str(error))
                return []

        return event

    def _open(self, opening: Opening) -> Planned:
        person, at = opening.person, self._starts_at + opening.after
        phone = self._phone(person, channel="campaign")
        phone.sign_in()
        phone.look_at_campaign(self._offer.campaign_id)
        answer = phone.open_group(self._offer.campaign_id, self._order_body())
        if not answer.is_ok:
            self.notes.refuse("open", answer)
            return []
        member = self._note_member(phone, person, answer.body)
        order = self._pay(member, answer.body)
        if order is None:
            return []
        with self.notes.lock:
            self.notes.group_ids.append(member.group_id)
        strangers = [
            (
                at + stranger.after,
                self._noted(self._come_by, (stranger.person, at + stranger.after)),
            )
            for stranger in opening.strangers
        ]
        return self._in_time([*strangers, *self._after_paying(member, at)])

    def _join(
        self, phone: Phone, person: Person, *, group_id: str, token: str | None, at: datetime
    ) -> Planned:
        """Join a group and do with the order what the person intends."""
        answer = phone.join_group(group_id, self._order_body(token))
        if not answer.is_ok:
            self.notes.refuse("join", answer)
            return []
        member = self._note_member(phone, person, answer.body)
        if person.intent is not Intent.PAY:
            return self._hesitate(member, answer.body)
        if self._pay(member, answer.body) is None:
            return []
        return self._in_time(self._after_paying(member, at))

    def _visit(self, visit: "Visit") -> Planned:
        """Open a friend's link; register and join where a seat is left."""
        person = visit.person
        phone = self._phone(person, channel="share")
        shared = phone.visit(visit.token)
        if not _is_joinable(shared["group"]) or not person.registers:
            return []
        phone.sign_in(share_token=visit.token)
        if person.intent is Intent.LOOK:
            phone.read_group(visit.group_id)
            return []
        return self._join(phone, person, group_id=visit.group_id, token=visit.token, at=visit.at)

    def _come_by(self, stranger: tuple[Person, datetime]) -> Planned:
        """Find the campaign without an invitation, and join the fullest group on its page."""
        person, at = stranger
        phone = self._phone(person, channel="campaign")
        phone.sign_in()
        groups = phone.find_groups(self._offer.campaign_id)
        if not groups or person.intent is Intent.LOOK:
            return []
        return self._join(phone, person, group_id=str(groups[0]["id"]), token=None, at=at)

    def _after_paying(self, member: Member, at: datetime) -> Planned:
        """Share, and plan the friends' visits; plan to leave, where that is the person's way."""
        person = member.person
        planned: Planned = []
        if person.friends:
            token = member.phone.share(member.group_id)
            visits = [
                Visit(friend.person, token, member.group_id, at + friend.after)
                for friend in person.friends
                if friend.person.visits
            ]
            planned = [(visit.at, self._noted(self._visit, visit)) for visit in visits]
        if person.leaves_after is not None:
            planned.append((at + person.leaves_after, self._noted(self._leave, member)))
        return planned

    def _in_time(self, planned: Planned) -> Planned:
        """Drop what would happen when no group lives any more."""
        return [(at, event) for at, event in planned if at < self._offer.last_deadline_at]

    def _pay(self, member: Member, order: dict[str, Any]) -> dict[str, Any] | None:
        """Pay an order; returns it once the payment is applied, None where that failed."""
        prepared = member.phone.prepare_payment(order["id"])
        if not prepared.is_ok:
            self.notes.refuse("prepare", prepared)
            return None
        answer = member.phone.pay(prepared.body)
        paid = member.phone.wait_until_paid(order["id"]) if answer.is_ok else None
        if paid is not None and paid["state"] in PAID:
            return paid
        if paid is None:
            self.notes.refuse("wx.requestPayment", answer)
        else:
            self.notes.note_problem(f"order {order['id']} is {paid['state']} after its payment")
        return None

    def _hesitate(self, member: Member, order: dict[str, Any]) -> Planned:
        """Prepare the payment and let the seat go; who pays late tries when the hold is over."""
        prepared = member.phone.prepare_payment(order["id"])
        if not prepared.is_ok:
            self.notes.refuse("prepare", prepared)
            return []
        if member.person.intent is not Intent.PAY_LATE:
            return []

        def pay_late(_: Member) -> Planned:
            answer = member.phone.pay(prepared.body)
            with self.notes.lock:
                self.notes.refusals["paid_too_late" if answer.is_ok else "late_payment"] += 1
            return []

        # An event may come early by a step.
        return [
            (self._clock.now() + AFTER_THE_HOLD + self._step, self._noted(pay_late, member)),
        ]

    def _leave(self, member: Member) -> Planned:
        answer = member.phone.give_up(member.order_id)
        if not answer.is_ok:
            with self.notes.lock:
                self.notes.refusals[answer.code] += 1
        return []

    def _return(self, member: Member) -> Planned:
        """See the result; plan to spend the subsidy, or to buy again."""
        member.phone.see_results()
        order = member.phone.read_order(member.order_id)
        person, now = member.person, self._clock.now()
        has_product = order["state"] in PAID
        has_subsidy = order["subsidy"] is not None and order["subsidy"]["state"] == "issued"
        if has_product and person.buys_again_after is not None:
            return [(now + person.buys_again_after, self._noted(self._buy_again, member))]
        if has_subsidy and person.uses_wallet_after is not None:
            return [(now + person.uses_wallet_after, self._noted(self._buy_again, member))]
        return []

    def _buy_again(self, member: Member) -> Planned:
        """Buy another product alone, from the wallet first."""
        body = {
            "variant_id": self._offer.other_variant_id,
            "use_wallet": True,
            "address": ADDRESS,
        }
        answer = member.phone.buy_alone(body)
        if not answer.is_ok:
            self.notes.refuse("buy_alone", answer)
        elif answer.body["payable_fen"] > 0:
            self._pay(member, answer.body)
        return []

    def _phone(self, person: Person, *, channel: str) -> Phone:
        return Phone(self._mall, person.number, person.nickname, channel=channel)

    def _order_body(self, share_token: str | None = None) -> dict[str, Any]:
        body: dict[str, Any] = {"variant_id": self._offer.variant_id, "address": ADDRESS}
        if share_token is not None:
            body["share_token"] = share_token
        return body

    def _note_member(self, phone: Phone, person: Person, order: dict[str, Any]) -> Member:
        member = Member(phone, person, order["id"], order["group_id"])
        with self.notes.lock:
            self.notes.members.append(member)
        return member


@dataclass(frozen=True, slots=True)
class Visit:
    """A friend who opens a link at an instant."""

    person: Person
    token: str
    group_id: str
    at: datetime


def _is_joinable(group: dict[str, Any]) -> bool:
    return group["state"] == "open" and group["seats_left"] > 0
