"""What a message event means, and what its words are for a customer."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desk.slack.messages import (
    Changed,
    Deleted,
    FileFault,
    Meaning,
    Said,
    attachments,
    fault,
    is_note,
    meaning,
    read,
    unmarked,
)
from bot.desk.slack.plain_text import Plain, from_markup, linked, plain, shortcodes
from bot.domain.message import AttachmentKind
from bot.media.kinds import may_be


def event(**more: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "channel": "C1",
        "user": "U1",
        "text": "Bonjour",
        "ts": "2.0",
        "thread_ts": "1.0",
        **more,
    }


def rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"blocks": [{"type": "rich_text", "elements": list(elements)}], "text": "…"}


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def text(words: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": words} | ({"style": style} if style else {})


# --- kinds of events -----------------------------------------------------------------------------


def test_a_message_in_a_thread_is_said() -> None:
    said = read(event(parent_user_id="UBOT"))
    assert isinstance(said, Said)
    assert (said.channel, said.ts, said.root, said.user, said.parent) == ("C1", "2.0", "1.0", "U1", "UBOT")
    assert said.key == "C1:2.0"


@pytest.mark.parametrize(
    "what",
    [
        {"thread_ts": None},
        {"thread_ts": "2.0"},
        {"bot_id": "B1"},
        {"subtype": "bot_message"},
        {"subtype": "channel_join"},
        {"subtype": "channel_topic"},
        {"subtype": "reminder_add"},
        {"user": None},
    ],
)
def test_what_is_not_a_persons_word_in_a_thread_is_nothing(what: dict[str, Any]) -> None:
    assert read(event(**what)) is None


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message"])
def test_ways_of_saying_something(subtype: str) -> None:
    assert isinstance(read(event(subtype=subtype)), Said)


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C1",
        "ts": "9.0",
        "message": event(**after),
        "previous_message": event(**before),
    }


def test_only_a_change_of_words_is_one() -> None:
    edit = read(changed({"text": "a"}, {"text": "b", "edited": {"user": "U1", "ts": "8.0"}}))
    assert isinstance(edit, Changed)
    assert edit.is_real
    assert edit.edit == "8.0"
    preview = read(changed({"text": "a"}, {"text": "a", "attachments": [{"from_url": "x"}]}))
    assert isinstance(preview, Changed)
    assert not preview.is_real


def test_changes_of_our_own_messages_are_nothing() -> None:
    assert read(changed({"bot_id": "B1"}, {"bot_id": "B1", "text": "b"})) is None


def test_a_deletion_names_the_message_that_is_gone() -> None:
    raw = {
        "subtype": "message_deleted",
        "channel": "C1",
        "ts": "9.0",
        "deleted_ts": "2.0",
        "previous_message": event(),
    }
    gone = read(raw)
    assert isinstance(gone, Deleted)
    assert gone.key == "C1:2.0"
    assert read({**raw, "previous_message": event(bot_id="B1")}) is None
    assert read({**raw, "previous_message": event(thread_ts=None)}) is None


def test_the_grave_of_a_threads_first_message_is_no_edit() -> None:
    raw = changed({"thread_ts": "2.0"}, {"thread_ts": "2.0", "subtype": "tombstone", "user": "USLACKBOT"})
    assert read(raw) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "message",
                        "previous_message",
                        "ts",
                        "thread_ts",
                        "user",
                        "text",
                        "files",
                        "blocks",
                        "subtype",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_shaped_otherwise_raises_what_is_expected(odd: Any) -> None:
    raw = odd if isinstance(odd, dict) else {"message": odd}
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        read({"channel": "C1", **raw})


# --- words -----------------------------------------------------------------------------------


def test_formatting_goes_links_are_written_out_and_emoji_are_characters() -> None:
    said = plain(
        rich(
            section(
                text("Bonjour "),
                text("Léa", bold=True),
                text(", voyez "),
                {"type": "link", "url": "https://alba.example/r", "text": "nos retours"},
                text(" "),
                {"type": "emoji", "name": "tada", "unicode": "1f389"},
                {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fd", "skin_tone": 4},
                {"type": "emoji", "name": "alba_logo"},
            )
        )
    )
    assert said.text == "Bonjour Léa, voyez nos retours (https://alba.example/r) 🎉👋🏽:alba_logo:"
    assert not said.calls


def test_lists_stay_lists() -> None:
    item = section
    said = plain(
        rich(
            section(text("Il faut :\n")),
            {"type": "rich_text_list", "style": "bullet", "indent": 0, "elements": [item(text("la boîte"))]},
            {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [item(text("fermée"))]},
            {
                "type": "rich_text_list",
                "style": "ordered",
                "offset": 1,
                "elements": [item(text("imprimer")), item(text("poster"))],
            },
            section(text("Merci")),
        )
    )
    assert said.text == "Il faut :\n• la boîte\n  • fermée\n2. imprimer\n3. poster\nMerci"


@pytest.mark.parametrize(
    "element",
    [
        {"type": "user", "user_id": "U2"},
        {"type": "usergroup", "usergroup_id": "S1"},
        {"type": "broadcast", "range": "here"},
    ],
)
def test_calling_somebody_is_seen_in_rich_text(element: dict[str, Any]) -> None:
    assert plain(rich(section(text("dis "), element))).calls


@pytest.mark.parametrize(
    "call", ["<@U2>", "<@U2|tom>", "<!here>", "<!channel|channel>", "<!subteam^S1|@care>"]
)
def test_calling_somebody_is_seen_in_plain_markup(call: str) -> None:
    assert from_markup(f"dis {call}").calls


def test_people_are_called_by_their_names_and_channels_are_named() -> None:
    said = from_markup("voir <@U2> dans <#C9|retours>", {"U2": "Tom"}.__getitem__)
    assert (said.text, said.people) == ("voir @Tom dans #retours", ["U2"])


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("*gras* _italique_ ~barré~ `code`", "gras italique barré code"),
        ("5*3*2 et snake_case_name", "5*3*2 et snake_case_name"),
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<https://x.example|x.example>", "https://x.example"),
        ("<mailto:a@x.example|a@x.example>", "a@x.example"),
        ("<https://x.example/a?b=1&amp;c=2>", "https://x.example/a?b=1&c=2"),
        ("*<https://x.example|ici>*", "ici (https://x.example)"),
        ("```\nun\ndeux\n```", "un\ndeux"),
        ("merci :pray::skin-tone-3: :inconnu:", "merci 🙏🏼 :inconnu:"),
        ("a 10:30:45 b", "a 10:30:45 b"),
        ("\ue0000\ue001 <@U2>", "0 @U2"),
        ("*", "*"),
    ],
)
def test_marks_are_taken_away_and_what_only_looks_like_one_stays(marked: str, words: str) -> None:
    assert from_markup(marked).text == words


def test_a_link_that_says_where_it_leads_is_said_once() -> None:
    assert linked("https://x.example/", "x.example") == "https://x.example/"
    assert linked("tel:+33123456789", "01 23") == "01 23 (+33123456789)"


@given(st.text(max_size=300))
def test_any_text_can_be_read_and_nothing_is_made_up(words: str) -> None:
    said = from_markup(words)
    assert "\ue000" not in said.text
    shortcodes(words)


@pytest.mark.parametrize("piece", ["*a", "<", "_", "`", ":a", "<@U", "*a*", "&amp;", "```", "~ ", "<a|b>"])
def test_reading_takes_time_in_proportion_to_the_length(piece: str) -> None:
    started = time.perf_counter()
    from_markup(piece * (40_000 // len(piece)))
    assert time.perf_counter() - started < 5


# --- whom it is for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        (";;a", "a"),
        (";; a", "a"),
        ("note:a", "a"),
        ("NOTE : a", "a"),
        ("Note: a", "a"),
        ("🔒a", "a"),
        ("🔒\ufe0f a", "a"),
        ("  ;; a", "a"),
        ("• ;; a", "a"),
        ("；；a", "a"),
        ("ｎｏｔｅ：a", "a"),
        ("\u200b;; a", "a"),
        (";;\nplusieurs\nlignes", "plusieurs\nlignes"),
    ],
)
def test_notes_are_known_by_their_beginning_however_it_is_typed(typed: str, rest: str) -> None:
    assert is_note(typed)
    assert unmarked(typed) == rest


@pytest.mark.parametrize(
    "typed", ["; a", "a ;; b", "notez : a", "notes: a", "Une note: a", "noted: a", "🔓 a", ""]
)
def test_what_only_resembles_a_mark_is_a_reply(typed: str) -> None:
    assert not is_note(typed)


def test_in_doubt_it_is_not_for_the_customer() -> None:
    assert meaning(Plain("Bonjour"), strict=False) is Meaning.REPLY
    assert meaning(Plain("Bonjour @Tom", calls=True), strict=False) is Meaning.ASK
    assert meaning(Plain(";; @Tom", calls=True), strict=False) is Meaning.NOTE
    assert meaning(Plain("Bonjour"), strict=True) is Meaning.UNMARKED
    assert meaning(Plain(";; a"), strict=True) is Meaning.NOTE


# --- files -------------------------------------------------------------------------------------


def with_file(**file: Any) -> Said:
    said = read(
        event(
            subtype="file_share",
            files=[
                {"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 10, "mode": "hosted", **file}
            ],
        )
    )
    assert isinstance(said, Said)
    return said


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ({}, None),
        ({"size": 101}, FileFault.SIZE),
        ({"mimetype": "application/x-sh"}, FileFault.TYPE),
        ({"mimetype": "image/svg+xml"}, FileFault.TYPE),
        ({"mimetype": "text/html"}, FileFault.TYPE),
        ({"mode": "external"}, FileFault.ELSEWHERE),
        ({"mode": "tombstone"}, FileFault.ELSEWHERE),
        ({"mode": "hidden_by_limit"}, FileFault.ELSEWHERE),
        ({"id": "../etc"}, FileFault.ELSEWHERE),
        ({"mode": "snippet", "mimetype": "text/plain"}, None),
        ({"file_access": "check_file_info", "mimetype": None, "mode": None, "size": None}, None),
        ({"size": "many"}, None),
    ],
)
def test_what_is_wrong_with_a_file_is_known_early(file: dict[str, Any], wrong: FileFault | None) -> None:
    (seen,) = with_file(**file).files
    assert fault(seen, limit=100, allowed=may_be) is wrong


def test_files_have_the_same_ids_whenever_they_are_seen_and_voice_is_voice() -> None:
    first, again = attachments(with_file()), attachments(with_file())
    assert first == again
    assert first[0].source == "slack:F1"
    assert first[0].kind is AttachmentKind.IMAGE
    voice = attachments(with_file(subtype="slack_audio", mimetype="audio/mp4", name="audio_message.m4a"))
    assert voice[0].kind is AttachmentKind.VOICE
