from __future__ import annotations

from bot.channels.web.limits import Meter, Rate, is_client_id, neighbourhood, take


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_then_a_trickle() -> None:
    clock = Clock()
    meter = Meter(Rate(3, 1.0), clock)
    assert [meter.allows("a") for _ in range(5)] == [True, True, True, False, False]
    clock.now += 1
    assert [meter.allows("a") for _ in range(2)] == [True, False]


def test_one_visitor_does_not_use_up_another() -> None:
    meter = Meter(Rate(1, 1.0), Clock())
    assert meter.allows("a")
    assert meter.allows("b")
    assert not meter.allows("a")


def test_a_flood_is_explained_once_until_it_calms_down() -> None:
    clock = Clock()
    meter = Meter(Rate(4, 1.0), clock)
    for _ in range(5):
        meter.allows("a")
    assert [meter.tell("a"), meter.tell("a")] == [True, False]
    clock.now += 1
    meter.allows("a")
    assert not meter.allows("a")
    assert not meter.tell("a")
    clock.now += 3.5
    while meter.allows("a"):
        pass
    assert meter.tell("a")


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket, _ = take(None, Rate(1, 1.0), 100.0)
    assert not take(bucket, Rate(1, 1.0), 50.0)[1]


def test_names_not_heard_of_any_more_are_forgotten() -> None:
    clock = Clock()
    meter = Meter(Rate(2, 1.0), clock)
    for n in range(100):
        meter.allows(str(n))
    clock.now += 10
    meter.allows("last")
    assert set(meter._buckets) == {"last"}


def test_client_ids_are_short_and_plain() -> None:
    assert is_client_id("c1")
    assert is_client_id("x" * 64)
    assert not any(is_client_id(bad) for bad in ("", "x" * 65, "a b", "é", "a\n", None, 1))


def test_a_whole_network_of_one_visitor_counts_as_one() -> None:
    assert neighbourhood("203.0.113.7") == "203.0.113.7"
    assert neighbourhood("2001:db8:1:2:aaaa::1") == neighbourhood("2001:db8:1:2:bbbb::2")
    assert neighbourhood("2001:db8:1:2::1") != neighbourhood("2001:db8:1:3::1")
    assert neighbourhood("::ffff:203.0.113.7") == "203.0.113.7"
    assert neighbourhood("testclient") == "testclient"
