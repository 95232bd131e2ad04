import threading
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.playing.agenda import Agenda, Event, Performer


def nothing() -> list[tuple[datetime, Event]]:
    return []


START = datetime(2026, 11, 23, tzinfo=UTC)
STEP = timedelta(minutes=15)


class StillClock:
    """A clock that only jumps, and remembers where to."""

    def __init__(self) -> None:
        self.at = START
        self.jumps: list[datetime] = []

    def now(self) -> datetime:
        return self.at

    def jump_to(self, at: datetime) -> None:
        if at > self.at:
            self.at = at
            self.jumps.append(at)


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


def perform(agenda: Agenda, *, until: datetime) -> StillClock:
    clock = StillClock()
    Performer(clock, 4, step=STEP).perform(agenda, until=until, on_step=lambda _: None)
    return clock


def test_equal_instants_keep_the_order_they_were_planned_in() -> None:
    agenda = Agenda()
    events: list[Event] = [partial(nothing) for _ in range(3)]
    for event in events:
        agenda.add(minutes(1), event)

    assert agenda.take_before(minutes(2)) == events


def test_events_happen_in_their_step_and_never_late() -> None:
    clock = StillClock()
    seen: list[tuple[float, datetime]] = []
    agenda = Agenda()

    def at(minute: float) -> Event:
        def event() -> list[tuple[datetime, Event]]:
            seen.append((minute, clock.now()))
            return []

        return event

    for minute in (3, 44, 46, 121):
        agenda.add(minutes(minute), at(minute))
    Performer(clock, 1, step=STEP).perform(agenda, until=minutes(180), on_step=lambda _: None)

    assert [minute for minute, _ in seen] == [3, 44, 46, 121]
    assert all(now <= minutes(minute) < now + STEP for minute, now in seen)


def test_steps_in_which_nothing_happens_are_jumped_over() -> None:
    agenda = Agenda()
    agenda.add(minutes(100), nothing)

    clock = perform(agenda, until=minutes(180))

    assert clock.jumps == [minutes(90), minutes(180)]


def test_what_an_event_leads_to_happens_too_and_in_the_same_step_if_it_lies_there() -> None:
    agenda, happened, lock = Agenda(), [], threading.Lock()

    def note(name: str, *follow: tuple[datetime, Event]) -> Event:
        def event() -> list[tuple[datetime, Event]]:
            with lock:
                happened.append(name)
            return list(follow)

        return event

    agenda.add(
        minutes(1),
        note("opens", (minutes(2), note("soon")), (minutes(40), note("later"))),
    )

    clock = perform(agenda, until=minutes(60))

    assert happened == ["opens", "soon", "later"]
    assert clock.jumps == [minutes(30), minutes(60)]


def test_what_lies_after_the_end_stays_on_the_agenda() -> None:
    agenda = Agenda()
    agenda.add(minutes(61), nothing)

    perform(agenda, until=minutes(60))

    assert len(agenda) == 1
