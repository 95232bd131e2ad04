import re
from base64 import b64decode

from console import markup

EVIL = '<img src=x onerror="alert(1)">'


def test_everything_put_in_is_escaped() -> None:
    written = [
        markup.pill(EVIL, "open"),
        markup.facts([(EVIL, "x")]),
        markup.table([(EVIL, "")], [["x"]]),
        markup.timeline([(EVIL, "x", EVIL)]),
    ]

    assert all("<img" not in html for html in written)


def test_seats_show_full_held_and_free() -> None:
    html = markup.seats(2, 1, 5)

    assert html.count('class="full"') == 2
    assert html.count('class="held"') == 1
    assert html.count('class="free"') == 2
    assert "2/5" in html


def test_large_groups_are_a_bar() -> None:
    html = markup.seats(30, 5, 100)

    assert 'style="width:30.00%"' in html
    assert 'class="full"' not in html


def test_a_meter_never_overflows_and_survives_a_whole_of_zero() -> None:
    assert "width:100.00%" in markup.meter([(500, "teal")], 100)
    assert "width" not in markup.meter([(500, "teal")], 0)


def test_a_cell_names_its_column_for_narrow_screens() -> None:
    assert 'data-label="价格"' in markup.table([("价格", "num")], [["¥1"]])


def test_unknown_states_are_grey() -> None:
    assert "pb-grey" in markup.pill("new", "brand_new")


def test_sparkline_keeps_empty_days_as_gaps() -> None:
    svg = drawn(markup.sparkline([10, 20, None, None, 15, None, 5, 10]))

    lines = re.findall(r'<polyline points="([^"]+)"', svg)
    assert [[point.split(",")[0] for point in line.split()] for line in lines] == [
        ["0.0", "22.9"],
        ["137.1", "160.0"],
    ]
    assert svg.count('stroke-linecap="round"') == 1


def test_sparkline_dashes_the_way_to_a_day_that_has_not_ended() -> None:
    begun, over = (
        drawn(markup.sparkline([1, 2, 3], is_last_open=is_open)).count("stroke-dasharray")
        for is_open in (True, False)
    )

    assert (begun, over) == (1, 0)


def test_sparkline_of_one_value_or_a_level_is_drawn() -> None:
    assert "img" not in markup.sparkline([None, 3, None])
    assert 'points="0.0,0.0 160.0,0.0"' in drawn(markup.sparkline([3, 3]))


def drawn(image: str) -> str:
    return b64decode(image.split("base64,")[1].split('"', maxsplit=1)[0]).decode()
