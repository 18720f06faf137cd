from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.web.sessions import BadSession, Sessions

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OURS = Sessions(b"secret", "main")


def test_a_session_opens_its_own_chat() -> None:
    session = OURS.new(NOW)
    assert OURS.open(session.token, NOW) == session
    assert (session.chat.channel, session.chat.account) == ("web", "main")


def test_no_two_visitors_share_a_chat_and_the_chat_does_not_give_the_session_away() -> None:
    sessions = [OURS.new(NOW) for _ in range(100)]
    assert len({session.chat for session in sessions}) == 100
    assert all(len(session.chat.user) == 22 for session in sessions)
    assert all(session.token != session.chat.user for session in sessions)


@pytest.mark.parametrize("other", [Sessions(b"another", "main"), Sessions(b"secret", "other")])
def test_a_session_of_another_secret_or_account_opens_nothing(other: Sessions) -> None:
    with pytest.raises(BadSession):
        OURS.open(other.new(NOW).token, NOW)


def test_a_session_ends_and_one_in_use_is_renewed() -> None:
    session = OURS.new(NOW)
    assert OURS.open(session.token, NOW + 14 * DAY).token == session.token
    renewed = OURS.open(session.token, NOW + 16 * DAY)
    assert renewed.chat == session.chat
    assert renewed.token != session.token
    assert OURS.open(renewed.token, NOW + 40 * DAY).chat == session.chat
    with pytest.raises(BadSession):
        OURS.open(session.token, NOW + 30 * DAY)


def test_any_changed_character_is_noticed() -> None:
    token = OURS.new(NOW).token
    for at, old in enumerate(token):
        changed = token[:at] + ("A" if old != "A" else "B") + token[at + 1 :]
        with pytest.raises(BadSession):
            OURS.open(changed, NOW)


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())))
def test_whatever_is_shown_instead_of_a_session_opens_nothing(token: object) -> None:
    with pytest.raises(BadSession):
        OURS.open(token, NOW)


def test_one_kind_of_token_is_not_another() -> None:
    session = OURS.new(NOW)
    link = OURS.link(session.chat, NOW)
    file_pass = OURS.file_pass(session.chat, "f_1", NOW)
    for wrong in (link, file_pass):
        with pytest.raises(BadSession):
            OURS.open(wrong, NOW)
    with pytest.raises(BadSession):
        OURS.resume(session.token, NOW)
    with pytest.raises(BadSession):
        OURS.check_file_pass(file_pass, "f_2", NOW)


def test_a_link_opens_the_same_chat_for_three_days() -> None:
    chat = OURS.new(NOW).chat
    link = OURS.link(chat, NOW)
    assert OURS.resume(link, NOW + 2 * DAY).chat == chat
    with pytest.raises(BadSession):
        OURS.resume(link, NOW + 3 * DAY)


def test_a_file_pass_is_for_one_file_and_one_chat_and_a_while() -> None:
    chat = OURS.new(NOW).chat
    file_pass = OURS.file_pass(chat, "f_1", NOW)
    assert OURS.check_file_pass(file_pass, "f_1", NOW) == chat
    assert OURS.file_pass(chat, "f_1", NOW - timedelta(minutes=5)) == file_pass or NOW.minute < 5
    with pytest.raises(BadSession):
        OURS.check_file_pass(file_pass, "f_1", NOW + timedelta(hours=14))
