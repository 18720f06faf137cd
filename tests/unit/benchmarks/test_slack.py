"""The Slack benchmark's own arithmetic: it must not flatter, and must notice what is lost."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import with_figures
from benchmarks.processes import PROJECT
from benchmarks.slack import BEGIN, END, Opening, Plan, SlackReport, page
from benchmarks.slack_figures import (
    ROWS,
    Deed,
    Done,
    Figures,
    Seen,
    figures,
    heard,
    is_all_seen,
    shown,
    spread,
    token,
    tokens,
)
from benchmarks.slack_load import Stretch

C, ROOT = "C1", "100.000000"


def call(method: str, when: float = 0.0, *, ts: str = "", status: int | None = 200, **asked: Any) -> Any:
    """As the stand-in tells of a call."""
    return {
        "method": method,
        "arguments": asked,
        "when": when,
        "status": status,
        "took_effect": status == 200,
        "answer": {"ok": status == 200, "ts": ts},
    }


def line(*texts: str) -> str:
    """Blocks as the deliverer sends them: text of JSON."""
    blocks = []
    for at, text in enumerate(texts):
        blocks.append(
            {"type": "section", "block_id": f"l:{at}:0", "text": {"type": "plain_text", "text": text}}
        )
    return json.dumps(blocks, ensure_ascii=False)


def question(user: str, *numbers: int, at: float, thread: str = ROOT) -> Any:
    said = [f"où est-il ? {token(Deed.WRITES, number, user)}" for number in numbers]
    blocks = line(*said)
    return call(
        "chat.postMessage", ts=f"{at:.6f}", channel=C, thread_ts=thread, blocks=blocks, text=" ".join(said)
    )


def wrote(user: str, number: int, at: float) -> Done:
    return Done(deed=Deed.WRITES, user=user, number=number, at=at)


def seen(*calls: Any) -> Seen:
    made = Seen()
    made.take(calls)
    return made


def measured(done: list[Done], *calls: Any, hearing: Any = None) -> Figures:
    return figures(done, seen(*calls), hearing or {})


def test_a_token_is_found_again_wherever_it_stands() -> None:
    text = f"x {token(Deed.WRITES, 12, 'c7')} y {token(Deed.REPLIES, 3, 'c7')}"
    assert tokens(text, Deed.WRITES) == [("c7", 12)]
    assert tokens(text, Deed.REPLIES) == [("c7", 3)]


def test_several_messages_in_a_post_count_as_several_and_each_has_its_own_wait() -> None:
    made = measured([wrote("c1", 1, 10.0), wrote("c1", 2, 12.0)], question("c1", 1, 2, at=14.0))
    assert (made.messages, made.posts) == (2, 1)
    assert made.waits["customer → Slack"].most == pytest.approx(4.0)
    assert (made.lost, made.doubled, made.disordered) == (0, 0, 0)


def test_what_never_came_is_lost_and_not_left_out_in_silence() -> None:
    made = measured([wrote("c1", 1, 10.0), wrote("c1", 2, 12.0)], question("c1", 1, at=14.0))
    assert made.lost == 1
    assert made.waits["customer → Slack"].missing == 1


def test_what_came_twice_is_doubled() -> None:
    made = measured([wrote("c1", 1, 10.0)], question("c1", 1, at=11.0), question("c1", 1, at=12.0))
    assert made.doubled == 1
    assert made.waits["customer → Slack"].most == pytest.approx(1.0)


def test_what_came_before_an_earlier_one_is_out_of_order() -> None:
    done = [wrote("c1", 1, 10.0), wrote("c1", 2, 11.0)]
    assert measured(done, question("c1", 2, 1, at=12.0)).disordered == 1
    assert measured(done, question("c1", 2, at=12.0), question("c1", 1, at=13.0)).disordered == 1


def test_another_customers_message_is_nobody_elses() -> None:
    made = measured([wrote("c1", 1, 10.0)], question("c2", 1, at=11.0))
    assert made.lost == 1


def test_a_refused_call_shows_nothing_and_is_counted() -> None:
    refused = {**question("c1", 1, at=11.0), "status": 429, "took_effect": False}
    made = measured([wrote("c1", 1, 10.0)], refused)
    assert made.lost == 1
    assert made.limited == {"chat.postMessage": 1}


def test_a_call_under_way_is_read_again_once_it_is_answered() -> None:
    made = Seen()
    made.take([question("c1", 1, at=11.0), {**question("c1", 2, at=12.0), "status": None}])
    assert made.count == 1
    made.take([question("c1", 2, at=12.0)])
    assert [number for number, _at in made.questions["c1"]] == [1, 2]


def test_reading_changes_nothing() -> None:
    read = call("conversations.replies", channel=C)
    assert seen(read, question("c1", 1, at=11.0), read).changes == 1


def test_a_card_is_known_by_who_asked_and_a_second_one_is_a_double() -> None:
    attachments = json.dumps([{"blocks": [{"text": f"une personne {token(Deed.ASKS, 0, 'c5')}"}]}])
    cards = [call("chat.postMessage", ts=f"{at}.0", channel=C, attachments=attachments) for at in (20, 21)]
    asked = Done(deed=Deed.ASKS, user="c5", at=18.0)
    assert measured([asked], cards[0]).waits["card opened"].most == pytest.approx(2.0)
    assert measured([asked], *cards).doubled == 1


@pytest.mark.parametrize("deed", [Deed.CLAIMS, Deed.RESOLVES])
def test_a_card_shows_what_was_pressed_when_the_button_is_gone(deed: Deed) -> None:
    def update(when: float, *buttons: str) -> Any:
        elements = [{"type": "button", "action_id": name} for name in buttons]
        attachments = json.dumps([{"blocks": [{"type": "actions", "elements": elements}]}])
        made = call("chat.update", when, channel=C, attachments=attachments)
        return {**made, "arguments": {**made["arguments"], "ts": ROOT}}

    pressed = Done(deed=deed, user="c1", at=30.0, place=(C, ROOT))
    known = seen(update(29.0), update(31.0, "claim", "resolve"), update(35.0, "transfer"))
    assert shown(known, pressed) == 35.0


def test_a_claim_is_seen_whole_once_the_thread_says_it_too() -> None:
    pressed = Done(deed=Deed.CLAIMS, user="c1", at=30.0, place=(C, ROOT))
    update = call("chat.update", 31.0, channel=C, attachments="[]")
    update["arguments"]["ts"] = ROOT
    step = call("chat.postMessage", ts="33.0", channel=C, thread_ts=ROOT, blocks='[{"type": "context"}]')
    assert not is_all_seen(seen(update), pressed)
    assert is_all_seen(seen(update, step), pressed)
    assert measured([pressed], update, step).waits["claim said"].most == pytest.approx(3.0)


def test_a_failure_is_told_of_the_reply_it_is_about() -> None:
    reply = Done(deed=Deed.REPLIES, user="c1", number=1, at=40.0, place=(C, "40.000001"), refused=True)
    other = Done(deed=Deed.REPLIES, user="c1", number=2, at=41.0, place=(C, "41.000001"), refused=True)
    marks = json.dumps({"event_type": "x", "event_payload": {"entries": ["o_1/failed:slack:C1:40.000001"]}})
    warning = call("chat.postMessage", ts="44.0", channel=C, thread_ts=ROOT, blocks="[]", metadata=marks)
    made = measured([reply, other], warning)
    assert (made.waits["failure → Slack"].most, made.waits["failure → Slack"].missing) == (4.0, 1)


def test_a_tick_is_late_from_when_the_customer_had_the_reply() -> None:
    reply = Done(deed=Deed.REPLIES, user="c1", number=1, at=50.0, place=(C, "50.000001"))
    eyes = call("reactions.add", 53.5, channel=C, timestamp="50.000001", name="eyes")
    tick = call("reactions.add", 55.0, channel=C, timestamp="50.000001", name="white_check_mark")
    made = measured([reply], eyes, tick, hearing={"c1": [(1, 53.0)]})
    assert made.waits["agent → customer"].most == pytest.approx(3.0)
    assert made.waits["tick"].most == pytest.approx(2.0)


def test_a_tick_stands_for_the_replies_to_that_customer_above_it() -> None:
    above = Done(deed=Deed.REPLIES, user="c1", number=1, at=50.0, place=(C, "50.000001"))
    below = Done(deed=Deed.REPLIES, user="c1", number=2, at=51.0, place=(C, "51.000001"))
    after = Done(deed=Deed.REPLIES, user="c1", number=3, at=52.0, place=(C, "52.000001"))
    other = Done(deed=Deed.REPLIES, user="c2", number=1, at=50.0, place=(C, "50.000002"))
    tick = call("reactions.add", 57.0, channel=C, timestamp="51.000001", name="white_check_mark")
    hearing = {"c1": [(1, 53.0), (2, 54.0), (3, 55.0)], "c2": [(1, 53.0)]}
    ticks = measured([above, below, after, other], tick, hearing=hearing).waits["tick"]
    assert (ticks.count, ticks.most, ticks.missing) == (2, pytest.approx(4.0), 2)


def test_a_reply_that_the_customer_never_had_is_lost() -> None:
    reply = Done(deed=Deed.REPLIES, user="c1", number=1, at=50.0, place=(C, "50.000001"))
    made = measured([reply])
    assert (made.lost, made.waits["tick"].missing) == (1, 1)
    assert heard({}, reply) is None


def test_what_the_bot_says_and_what_happened_are_no_customers_messages() -> None:
    bot = call("chat.postMessage", ts="1.0", channel=C, thread_ts=ROOT, blocks=line("Léa vous répond."))
    step = call("chat.postMessage", ts="2.0", channel=C, thread_ts=ROOT, blocks='[{"type": "context"}]')
    known = seen(bot, step)
    assert known.posts == {"what the bot said": 1, "what happened (claimed, resolved)": 1}
    assert known.steps == {(C, ROOT): [2.0]}


def test_spreads() -> None:
    waits: list[float | None] = [float(number) for number in range(101)]
    made = spread([*waits, None])
    assert (made.count, made.p50, made.p95, made.most, made.missing) == (101, 50.0, 95.0, 100.0, 1)
    assert spread([2.0]).p95 == 2.0
    assert spread([None]).missing == 1


def test_the_page_we_publish_has_a_place_for_these_figures_beside_the_others() -> None:
    published = (PROJECT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    renewed = with_figures(published, ["x"], BEGIN, END)
    assert f"{BEGIN}\nx\n{END}" in renewed
    assert renewed.partition(BEGIN)[0] == published.partition(BEGIN)[0]
    assert page(str(PROJECT / "docs" / "benchmarks.md"))


def test_a_page_without_a_place_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(argparse.ArgumentTypeError, match="no place"):
        page(str(tmp_path / "page.md"))


def test_a_report_says_what_was_lost_and_refused() -> None:
    made = measured(
        [wrote("c1", 1, 10.0)], {**question("c1", 1, at=11.0), "status": 429, "took_effect": False}
    )
    stretch = Stretch(2.0, 1.0, 8, 60.0, 3.0, made, 0, {"sender": 0.25})
    told = "\n".join(SlackReport(Plan(), Opening(3, 6.0, 3.0), (stretch,)).lines())
    assert "lost 1" in told
    assert "chat.postMessage 1" in told
    assert "8 channels, load 2" in told
    assert "sender 25.0%" in told
    assert "chat.postMessage 1 (Slack takes 300)" in told
    assert all(words in told for words in ROWS.values())
