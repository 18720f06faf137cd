"""Records as JSON. A tagged pair ``[kind, value]`` wherever a value may be of several kinds.

Unknown fields are ignored and missing ones take their default, so that two versions of Guichet
can share a store during an upgrade.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from bot.domain import events as ev
from bot.domain.chat import Chat
from bot.domain.deadletter import DeadLetter
from bot.domain.errors import NotUnderstandable
from bot.domain.events import Event
from bot.domain.facts import Fact, FactBody
from bot.domain.outgoing import Outgoing, Payload
from bot.ports.store import ProcessInfo

T = TypeVar("T")

_EVENTS: tuple[type[Event], ...] = (
    ev.CustomerMessage,
    ev.CustomerEdit,
    ev.CustomerDelete,
    ev.ButtonPress,
    ev.CustomerCommand,
    ev.AgentClaim,
    ev.AgentReply,
    ev.AgentEdit,
    ev.AgentDelete,
    ev.AgentNote,
    ev.AgentTransfer,
    ev.AgentDraft,
    ev.AgentDecides,
    ev.AgentSnooze,
    ev.AgentMarksSpam,
    ev.AgentReveal,
    ev.AgentTeach,
    ev.AgentResolve,
    ev.AgentRelease,
    ev.MediaReady,
    ev.MediaFailed,
    ev.TimerDue,
    ev.Receipt,
    ev.Hushed,
)

_encode = msgspec.json.Encoder().encode
_tagged = msgspec.json.Decoder(tuple[str, msgspec.Raw])


def _decoders(kinds: tuple[Any, ...]) -> dict[str, msgspec.json.Decoder[Any]]:
    return {kind.__name__: msgspec.json.Decoder(kind) for kind in kinds}


def _with_raw(owner: type[Any], name: str) -> type[Any]:
    """The same dataclass with one field left undecoded."""
    hints = get_type_hints(owner)
    fields = [
        (field.name, msgspec.Raw if field.name == name else hints[field.name], _default(field))
        for field in dataclasses.fields(owner)
    ]
    return dataclasses.make_dataclass(f"Raw{owner.__name__}", fields, kw_only=True)


def _default(field: dataclasses.Field[Any]) -> Any:
    return dataclasses.field() if field.default is dataclasses.MISSING else field.default


_event_decoders = _decoders(_EVENTS)
_payload_decoders = _decoders(get_args(Payload))
_body_decoders = _decoders(get_args(FactBody))
_outgoing_decoder = msgspec.json.Decoder(_with_raw(Outgoing, "payload"))
_fact_decoder = msgspec.json.Decoder(_with_raw(Fact, "body"))
_chat_decoder = msgspec.json.Decoder(Chat)
_letter_decoder = msgspec.json.Decoder(DeadLetter)
_process_decoder = msgspec.json.Decoder(ProcessInfo)

_UNREADABLE = (msgspec.MsgspecError, KeyError, ValueError, TypeError)


def encode_event(event: Event) -> bytes:
    """An event as JSON."""
    return _encode((type(event).__name__, event))


def decode_event(raw: bytes) -> Event:
    """An event from JSON.

    Raises:
        NotUnderstandable: it is none of ours.
    """
    try:
        kind, body = _tagged.decode(raw)
        event: Event = _event_decoders[kind].decode(body)
    except _UNREADABLE as error:
        raise NotUnderstandable(f"event: {error}") from error
    return event


def encode_outgoing(entry: Outgoing) -> bytes:
    """An outbox entry as JSON."""
    return _encode((type(entry.payload).__name__, entry))


def decode_outgoing(raw: bytes) -> Outgoing:
    """An outbox entry from JSON.

    Raises:
        NotUnderstandable: it is none of ours.
    """
    return _decode_with(raw, _outgoing_decoder, _payload_decoders, "payload", Outgoing)


def encode_fact(fact: Fact) -> bytes:
    """A fact as JSON."""
    return _encode((type(fact.body).__name__, fact))


def decode_fact(raw: bytes) -> Fact:
    """A fact from JSON.

    Raises:
        NotUnderstandable: it is none of ours.
    """
    return _decode_with(raw, _fact_decoder, _body_decoders, "body", Fact)


def encode_chat(chat: Chat) -> bytes:
    """A chat's state as JSON."""
    return _encode(chat)


def decode_chat(raw: bytes) -> Chat:
    """A chat's state from JSON.

    Raises:
        NotUnderstandable: it is none of ours.
    """
    return _decode(raw, _chat_decoder, "chat")


def encode_letter(letter: DeadLetter) -> bytes:
    """A dead letter as JSON."""
    return _encode(letter)


def decode_letter(raw: bytes) -> DeadLetter:
    """A dead letter from JSON.

    Raises:
        NotUnderstandable: it is none of ours.
    """
    return _decode(raw, _letter_decoder, "dead letter")


def encode_process(process: ProcessInfo) -> bytes:
    """A process as JSON."""
    return _encode(process)


def decode_process(raw: bytes) -> ProcessInfo:
    """A process from JSON.

    Raises:
        NotUnderstandable: it is none of ours.
    """
    return _decode(raw, _process_decoder, "process")


def _decode(raw: bytes, decoder: msgspec.json.Decoder[T], what: str) -> T:
    try:
        return decoder.decode(raw)
    except _UNREADABLE as error:
        raise NotUnderstandable(f"{what}: {error}") from error


def _decode_with(
    raw: bytes,
    outer: msgspec.json.Decoder[Any],
    inner: dict[str, msgspec.json.Decoder[Any]],
    field: str,
    owner: type[T],
) -> T:
    try:
        kind, body = _tagged.decode(raw)
        envelope = outer.decode(body)
        values = {each.name: getattr(envelope, each.name) for each in dataclasses.fields(envelope)}
        values[field] = inner[kind].decode(values[field])
    except _UNREADABLE as error:
        raise NotUnderstandable(f"{owner.__name__}: {error}") from error
    return owner(**values)
