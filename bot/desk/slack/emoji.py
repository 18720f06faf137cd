"""Emoji by the names Slack gives them: the ones people at a service desk use.

Slack's own clients send the characters beside the name; this is for where they do not.
"""

from __future__ import annotations

_NAMES = """
😀 grinning|😃 smiley|😄 smile|😁 grin|😆 laughing satisfied|😅 sweat_smile
🤣 rolling_on_the_floor_laughing|😂 joy|🙂 slightly_smiling_face|🙃 upside_down_face|😉 wink
😊 blush|😇 innocent|🥰 smiling_face_with_3_hearts|😍 heart_eyes
🤩 star-struck grinning_face_with_star_eyes|😘 kissing_heart|😋 yum|😛 stuck_out_tongue
😜 stuck_out_tongue_winking_eye|🤗 hugging_face|🤔 thinking_face|😐 neutral_face|😏 smirk
🙄 face_with_rolling_eyes|😬 grimacing|😌 relieved|😔 pensive|😪 sleepy|😴 sleeping|😷 mask
🤒 face_with_thermometer|😎 sunglasses|😕 confused|😟 worried|🙁 slightly_frowning_face
☹️ white_frowning_face|😮 open_mouth|😯 hushed|😲 astonished|😳 flushed|🥺 pleading_face
😨 fearful|😰 cold_sweat|😥 disappointed_relieved|😢 cry|😭 sob|😱 scream|😞 disappointed|😓 sweat
😩 weary|😫 tired_face|🥱 yawning_face|😤 triumph|😡 rage|😠 angry|☺️ relaxed|🤝 handshake
👍 +1 thumbsup|👎 -1 thumbsdown|👌 ok_hand|✌️ v|🤞 crossed_fingers|👋 wave|🙌 raised_hands
👏 clap|🙏 pray|💪 muscle|👉 point_right|👈 point_left|👆 point_up_2|👇 point_down|☝️ point_up
✋ hand raised_hand|👀 eyes|❤️ heart|🧡 orange_heart|💛 yellow_heart|💚 green_heart|💙 blue_heart
💜 purple_heart|🖤 black_heart|🤍 white_heart|💔 broken_heart|💕 two_hearts|💖 sparkling_heart
💯 100|🎉 tada|🎊 confetti_ball|🎁 gift|🎂 birthday|🎈 balloon|🥂 clinking_glasses|🍾 champagne
🌹 rose|🌸 cherry_blossom|💐 bouquet|🌷 tulip|🌞 sun_with_face|☀️ sunny|⭐ star|🌟 star2
✨ sparkles|🔥 fire|⚡ zap|🌈 rainbow|❄️ snowflake|☕ coffee|🍀 four_leaf_clover|📦 package
🚚 truck|🏠 house|🏪 convenience_store|🛒 shopping_trolley|🛍️ shopping_bags|👗 dress|👠 high_heel
👜 handbag|💍 ring|💄 lipstick|👛 purse|💳 credit_card|💶 euro|💰 moneybag|🧾 receipt|🏷️ label
✉️ email envelope|📧 e-mail|📨 incoming_envelope|📞 telephone_receiver|☎️ phone telephone
📱 iphone|💻 computer|📷 camera|📎 paperclip|📝 memo pencil|📄 page_facing_up|📅 date|📆 calendar
🗓️ spiral_calendar_pad|⏰ alarm_clock|⏳ hourglass_flowing_sand|🕐 clock1|📍 round_pushpin
📌 pushpin|🔍 mag|🔒 lock|🔓 unlock|🔑 key|🔔 bell|💡 bulb|🛠️ hammer_and_wrench|🔗 link
✅ white_check_mark|☑️ ballot_box_with_check|✔️ heavy_check_mark|❌ x|⚠️ warning
❗ exclamation heavy_exclamation_mark|❓ question|ℹ️ information_source|🆕 new|🆗 ok|🔴 red_circle
🟢 large_green_circle|🔵 large_blue_circle|➡️ arrow_right|⬅️ arrow_left|⬆️ arrow_up|⬇️ arrow_down
↩️ leftwards_arrow_with_hook|🚀 rocket|🏆 trophy|👑 crown|🇫🇷 fr flag-fr|🇬🇧 gb uk flag-gb
🇺🇸 us flag-us|🇪🇺 flag-eu|🇧🇪 flag-be|🇨🇭 flag-ch
"""


def _read(table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in table.replace("\n", "|").split("|"):
        emoji, *names = entry.split() or ("",)
        found.update(dict.fromkeys(names, emoji))
    return found


_CHARACTERS = _read(_NAMES)
_TONES = {str(number): chr(0x1F3FB + number - 2) for number in range(2, 7)}
"""Slack counts skin tones from 2 to 6."""
_TONED = frozenset("👍👎👌✌☝✋🤞👋🙌👏🙏💪👉👈👆👇")


def character(name: str, tone: str = "") -> str | None:
    """The emoji of that name, in that skin tone (``2`` to ``6``); None for one we do not know."""
    found = _CHARACTERS.get(name)
    if found and tone in _TONES and found[0] in _TONED:
        return found[0] + _TONES[tone]
    return found
