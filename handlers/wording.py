"""Every text the system says, and the placeholders it may use. The words: ``config/replies/``."""

from __future__ import annotations

from collections.abc import Mapping

FREE_SECTIONS = frozenset({"team", "telegram"})
"""Sections that no handler speaks: names the operator gives to teams, what Telegram shows by itself."""


def _keys(section: str, **names: str) -> dict[str, frozenset[str]]:
    return {f"{section}.{name}": frozenset(fields.split()) for name, fields in names.items()}


WORDING: Mapping[str, frozenset[str]] = {
    **_keys("intro", first="", back=""),
    **_keys("button", human="", menu="", none="", yes="", no="", email="", order_status=""),
    **_keys("button_gone", text=""),
    **_keys("command", start="", help="", language="", language_set="", privacy="url"),
    **_keys(
        "small_talk", greet="", how_are_you="", bot_challenge="", thanks="", goodbye="", affirm="", deny=""
    ),
    **_keys("help", question="", both="", yes="", no=""),
    **_keys("stuck", same_question=""),
    **_keys("clarify", which=""),
    **_keys("several", unclear="question"),
    **_keys("fallback", rephrase="", out_of_scope="", none_of_these="", wordless="", offer=""),
    **_keys("handoff", asked="", complaint="", bot_down="", error="", unsure="", stuck="", next=""),
    **_keys("flood", told=""),
    **_keys("hours", open="until", closed="back", unknown=""),
    **_keys("waiting", added="", in_queue="", with_a_person="", reminder="", answer="answer"),
    **_keys("waiting", between="low high", about="high"),
    **_keys("waiting", minute="count", minutes="count", hour="count", hours="count", hours_and="count rest"),
    **_keys("attachment", file="", voice="", kept=""),
    **_keys("media", large="", refused="", unavailable=""),
    **_keys("email", ask="", again="", kept="email"),
    **_keys("agent", takes_over="name", takes_over_unnamed="", transferred="team", resolved="", returned=""),
    **_keys("returning", same="name", same_unnamed="", away="name", away_unnamed=""),
    **_keys("rating", ask="", label_1="", label_2="", label_3="", label_4="", label_5="", skip=""),
    **_keys("rating", thanks_high="", thanks_low="", skipped="", reason_kept="", too_late="", goes_on=""),
    **_keys(
        "order",
        ask_number="",
        ask_proof="number",
        unclear="",
        given_up="",
        no_match="",
        too_many="",
        shop_down="",
        preparing="number day",
        shipped="number day",
        at_relay="number day",
        delivered="number day",
        returned="number day",
        cancelled="number day",
        expected="day",
        late="day",
        carrier="carrier",
        tracking="url",
    ),
    **_keys(
        "protected", distress="", threat="", adverse_reaction="", minor="", withdrawal="", data_request=""
    ),
}
