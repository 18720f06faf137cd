"""What was said, as Slack messages: one line, or several joined, edited and withdrawn in place.

Slack is the memory of what is shown. Each line's blocks have ids that begin with its handle, so that one of
several lines in a message can be changed by reading the message back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bot.desk.slack import presses, suggestions
from bot.desk.slack.escaping import (
    Block,
    button_text,
    cut,
    escaped,
    moment,
    mrkdwn,
    one_line,
    pieces,
    plain,
    unescaped,
)
from bot.desk.slack.names import Act, packed
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import say
from bot.domain.ids import digest
from bot.domain.message import Attachment, Author, Line
from bot.domain.outgoing import CaseLine
from bot.ports.knowledge import Knowledge

Message = dict[str, Any]

EVENT = "guichet_line"
JOINED_LINES = 10
JOINED_TEXT = 5_000
PART = 3
"""Pieces of text in one Slack message: together below what Slack takes in a message's blocks."""
FALLBACK = 2_000
OLD = 200
NAME = 60

_ICONS = {"web": ":globe_with_meridians:", "telegram": ":airplane:"}
_ICON = ":speech_balloon:"


def handle(message_id: str) -> str:
    """What the ids of a line's blocks begin with."""
    return f"l:{digest(message_id)[:20]}:"


def may_join(ahead: Sequence[CaseLine], line: CaseLine) -> bool:
    """Whether a line can stand in the same Slack message as those before it. What an agent says stands
    alone: its fate is shown on it."""
    together = (*ahead, line)
    if any(one.line.attachments or one.note or one.line.author is Author.AGENT for one in together):
        return False
    return len(together) <= JOINED_LINES and sum(len(one.line.text) for one in together) <= JOINED_TEXT


class Writer:
    """Writes lines for one conversation.

    Args:
        conversation: its id.
        channel: the customer's.
        language: of those who read.
        knowledge: where suggestions come from.
        undo: whether a reply that we post can be taken back.
    """

    def __init__(
        self, conversation: str, channel: str, language: str, knowledge: Knowledge, *, undo: bool = False
    ) -> None:
        self._conversation = conversation
        self._channel = channel
        self._language = language
        self._knowledge = knowledge
        self._undo = undo

    def parts(self, lines: Sequence[CaseLine]) -> list[Message]:
        """The Slack messages: one for several lines; as many as its text takes for a single one."""
        if len(lines) > 1:
            return [self._message(lines, [self._blocks(line, self._texts(line)) for line in lines])]
        line = lines[0]
        texts = self._texts(line)
        cuts = [texts[start : start + PART] for start in range(0, max(1, len(texts)), PART)]
        return [
            self._message(
                lines, [self._blocks(line, some, first=number * PART)], last=number == len(cuts) - 1
            )
            for number, some in enumerate(cuts)
        ]

    def bare(self, lines: Sequence[CaseLine]) -> Message:
        """The same without blocks, should Slack refuse those: nothing a customer said is lost."""
        words = "\n".join(f"{self._author(line)} : {shorten(self.words(line.line))}" for line in lines)
        return {"text": escaped(words), "mrkdwn": False}

    def _message(
        self, lines: Sequence[CaseLine], shown: Iterable[list[Block]], *, last: bool = True
    ) -> Message:
        blocks = [block for some in shown for block in some]
        if last:
            blocks += suggestions.blocks(self._suggested(lines), self._conversation, self._language)
        text = "\n".join(shorten(self.words(line.line)) for line in lines)
        message: Message = {"blocks": blocks, "text": escaped(cut(text, FALLBACK)) or "…", "mrkdwn": False}
        if all(line.line.author is Author.CUSTOMER for line in lines):
            message["username"] = self._name(lines[-1].line)
            message["icon_emoji"] = _ICONS.get(self._channel, _ICON)
        return message

    def _suggested(self, lines: Sequence[CaseLine]) -> tuple[suggestions.Suggestion, ...]:
        guesses = [guess for line in lines for guess in line.guesses]
        language = next((line.language for line in reversed(lines) if line.language), self._language)
        return suggestions.suggestions(guesses, language, self._knowledge) if guesses else ()

    def _name(self, line: Line) -> str:
        name = one_line(shorten(line.author_name), NAME) or say("desk.unnamed", self._language)
        return f"{name} ({channel_word(self._channel, self._language)})"

    # --- one line ------------------------------------------------------------------------------

    def words(self, line: Line) -> str:
        """What a line says; a button pressed by what it says on it, where we know."""
        return presses.words(line, self._language, self._knowledge)

    def _texts(self, line: CaseLine) -> list[str]:
        return list(pieces(shorten(self.words(line.line))))

    def _blocks(self, line: CaseLine, texts: Sequence[str], first: int = 0) -> list[Block]:
        said = line.line
        prefix = handle(said.message_id)
        blocks = [] if first else [self._head(line, prefix)]
        grey = said.author in (Author.BOT, Author.SYSTEM)
        blocks += text_blocks(prefix, texts, grey=grey, first=first)
        if first:
            return blocks
        coming = [file for file in said.attachments if not file.stored]
        if coming:
            blocks.append(_context(f"{prefix}f", *(self._file(file) for file in coming[:10])))
        actions = self._actions(line)
        if actions:
            blocks.append({"type": "actions", "block_id": f"{prefix}r", "elements": actions})
        return blocks

    def _head(self, line: CaseLine, prefix: str) -> Block:
        return _context(f"{prefix}h", plain(self._author(line), 150), mrkdwn(moment(line.line.at, "{time}")))

    def _author(self, line: CaseLine) -> str:
        said, language = line.line, self._language
        name = one_line(shorten(said.author_name), NAME)
        match said.author:
            case Author.AGENT if line.note:
                return say("desk.note", language, agent=name)
            case Author.AGENT:
                return say("desk.to_customer", language, agent=name)
            case Author.CUSTOMER:
                return name or say("desk.customer", language)
            case _:
                return say(f"desk.{said.author.value}", language)

    def _file(self, file: Attachment) -> Block:
        return plain(say("desk.file_coming", self._language, name=one_line(shorten(file.name), 80)), 120)

    def _actions(self, line: CaseLine) -> list[Block]:
        message_id = line.line.message_id
        value = packed(self._conversation, message_id)
        # What the customer wrote has a button of its own; our own phone number is no secret.
        is_ours = line.line.author in (Author.BOT, Author.SYSTEM)
        reveal = None if is_ours else self.reveal(message_id, line.line.text)
        actions = [reveal] if reveal else []
        if self._undo and line.line.author is Author.AGENT and not line.note:
            actions.append(button(Act.UNDO, say("desk.button_undo", self._language), value))
        return actions

    def reveal(self, message_id: str, text: str) -> Block | None:
        """The button that shows a text in full, if something of it was shortened."""
        if shorten(text) == text:
            return None
        value = packed(self._conversation, message_id)
        return button(Act.REVEAL, say("desk.button_reveal", self._language), value)


def card_lines(lines: Iterable[Line], writer: Writer, language: str, most: int = 6) -> list[Block]:
    """The last few lines, short, for a card: what people and the bot said, not what the system told."""
    said = [line for line in list(lines)[-most:] if line.author is not Author.SYSTEM]
    return [
        _context(
            f"{handle(line.message_id)}0",
            plain(f"{_short_name(line, language)} : {_short(writer, line)}", 400),
        )
        for line in said
    ]


def _short_name(line: Line, language: str) -> str:
    if line.author in (Author.CUSTOMER, Author.AGENT) and line.author_name:
        return one_line(shorten(line.author_name), 30)
    key = "customer" if line.author is Author.CUSTOMER else line.author.value
    return say(f"desk.{key if line.author is not Author.AGENT else 'somebody'}", language)


def _short(writer: Writer, line: Line) -> str:
    words = one_line(shorten(writer.words(line)), 220)
    files = " ".join(f"📎 {one_line(shorten(file.name), 40)}" for file in line.attachments[:3])
    return " ".join(filter(None, (words, files))) or "…"


# --- changes ---------------------------------------------------------------------------------


def edited(
    blocks: Sequence[Block],
    message_id: str,
    texts: Sequence[str],
    language: str,
    *,
    reveal: Block | None = None,
    more: bool = False,
) -> list[Block]:
    """A message's blocks with one line saying something else, and what it said before; as they are when it
    says that already.

    ``texts`` are the pieces for this message, none when the new text is shorter; ``more``: it does not hold
    all of it. ``reveal`` shows what was shortened.
    """
    prefix = handle(message_id)
    mine = [block for block in blocks if _is_text(block, prefix)]
    old = "\n".join(_text_of(block) for block in mine)
    if not mine or old.split() == " ".join(texts).split():
        return list(blocks)
    grey = mine[0]["type"] == "context"
    first = int(str(mine[0]["block_id"]).removeprefix(prefix))
    words = [say("desk.edited", language, old=one_line(old, OLD))]
    if more:
        words.append(say("desk.continued_elsewhere", language))
    new = [
        *text_blocks(prefix, texts, grey=grey, first=first),
        _context(f"{prefix}o", *(plain(one, 400) for one in words)),
    ]
    if reveal and not any(block.get("block_id") == f"{prefix}r" for block in blocks):
        new.append({"type": "actions", "block_id": f"{prefix}r", "elements": [reveal]})
    return _replaced(blocks, prefix, new, keep=("h", "r", "f"))


def edited_on_card(blocks: Sequence[Block], message_id: str, text: str) -> list[Block]:
    """A card's blocks with one of its last lines saying something else."""
    prefix = handle(message_id)
    mine = next((block for block in blocks if _is_text(block, prefix)), None)
    if mine is None:
        return list(blocks)
    name, _, old = _text_of(mine).partition(" : ")
    words = one_line(text, 220)
    new = [_context(f"{prefix}0", plain(f"{name} : {words}", 400))]
    return list(blocks) if old == words else _replaced(blocks, prefix, new, keep=())


def withdrawn(blocks: Sequence[Block], message_id: str, language: str) -> list[Block]:
    """A message's blocks without what one line said, nor what was suggested for it."""
    prefix = handle(message_id)
    mine = next((block for block in blocks if _is_text(block, prefix)), None)
    if mine is None:
        return list(blocks)
    gone = _context(str(mine["block_id"]), plain(say("desk.withdrawn", language)))
    left = _replaced(blocks, prefix, [gone], keep=("h",))
    is_alone = not any(_is_text(block, "l:") and not _is_of(block, prefix) for block in left)
    return [block for block in left if not (is_alone and _is_of(block, suggestions.PREFIX))]


def without_undo(blocks: Sequence[Block]) -> list[Block] | None:
    """A message's blocks without its *Undo* button; None when it has none."""
    left: list[Block] = []
    for block in blocks:
        elements = block.get("elements", [])
        kept = [one for one in elements if one.get("action_id") != Act.UNDO]
        if len(kept) == len(elements):
            left.append(block)
        elif kept:
            left.append({**block, "elements": kept})
    return left if left != list(blocks) else None


def _replaced(
    blocks: Sequence[Block], prefix: str, new: Sequence[Block], keep: tuple[str, ...]
) -> list[Block]:
    """The line's text replaced where it stands."""
    left: list[Block] = []
    placed = False
    for block in blocks:
        if not _is_of(block, prefix) or str(block["block_id"]).removeprefix(prefix) in keep:
            left.append(block)
        elif not placed:
            left += new
            placed = True
    return left if placed else list(blocks)


def fallback(blocks: Iterable[Block]) -> str:
    """A message's ``text``, from the words its blocks show."""
    words = "\n".join(_text_of(block) for block in blocks if _is_text(block, "l:"))
    return escaped(cut(words, FALLBACK)) or "…"


def _is_of(block: Block, prefix: str) -> bool:
    return str(block.get("block_id", "")).startswith(prefix)


def _is_text(block: Block, prefix: str) -> bool:
    name = str(block.get("block_id", ""))
    return name.startswith(prefix) and name.rpartition(":")[2].isdigit()


def _text_of(block: Block) -> str:
    texts = [block["text"]] if "text" in block else block.get("elements", [])
    return unescaped(" ".join(str(one.get("text", "")) for one in texts))


# --- blocks ----------------------------------------------------------------------------------


def text_blocks(prefix: str, texts: Sequence[str], *, grey: bool, first: int = 0) -> list[Block]:
    """Somebody's words: as they are, or in grey."""
    if grey:
        return [_context(f"{prefix}{first + at}", plain(text)) for at, text in enumerate(texts)]
    return [
        {"type": "section", "block_id": f"{prefix}{first + at}", "text": plain(text)}
        for at, text in enumerate(texts)
    ]


def button(act: str, label: str, value: str, style: str | None = None) -> Block:
    """A button."""
    made: Block = {"type": "button", "action_id": str(act), "text": button_text(label), "value": value}
    return {**made, "style": style} if style else made


def channel_word(channel: str, language: str) -> str:
    """What a channel is called."""
    return (
        say(f"desk.channel_{channel}", language) if channel in ("web", "telegram") else one_line(channel, 30)
    )


def _context(block_id: str, *elements: Block) -> Block:
    return {"type": "context", "block_id": block_id, "elements": list(elements)}
