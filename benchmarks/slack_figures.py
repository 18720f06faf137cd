"""What people did, what Slack showed, and what lies between: figures, from what the stand-in was asked."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from bot.desk.slack.fates import TICK

Json = Mapping[str, Any]
Place = tuple[str, str]
"""Channel and timestamp."""
Hearing = Mapping[str, Sequence[tuple[int, float]]]
"""By customer: the agents' replies as they came, each with when."""

_TOKEN = re.compile(r"\b(?P<kind>[pqr])(?P<number>\d+)-(?P<user>c\d+)\b")
_ACTION = re.compile(r"action_id\W+(?P<name>\w+)")
_LINE = re.compile(r"block_id\W+l:")
_FAILED = re.compile(r"/failed:slack:(?P<channel>\w+):(?P<ts>\d+\.\d+)$")


class Deed(StrEnum):
    """What somebody does."""

    ASKS = "p"
    """A customer asks for a person."""
    WRITES = "q"
    """A customer writes in a conversation that an agent has."""
    REPLIES = "r"
    CLAIMS = "claim"
    RESOLVES = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Somebody did it at ``at`` (Unix seconds). ``place``: an agent's own message, or the case's card.
    ``refused``: the platform will not take this reply."""

    deed: Deed
    user: str
    at: float
    number: int = 0
    place: Place = ("", "")
    refused: bool = False


def token(deed: Deed, number: int, user: str) -> str:
    """What a text carries, by which it is recognised wherever it shows."""
    return f"{deed.value}{number}-{user}"


def tokens(text: str, deed: Deed) -> list[tuple[str, int]]:
    """Whose texts, and which, are in there, in order."""
    return [
        (found["user"], int(found["number"]))
        for found in _TOKEN.finditer(text)
        if found["kind"] == deed.value
    ]


@dataclass
class Seen:
    """What Slack's people see come, and when: read off the calls that took effect."""

    questions: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    joined: list[tuple[float, int]] = field(default_factory=list)
    """Each post with customers' messages: when, and how many."""
    cards: dict[str, tuple[Place, float]] = field(default_factory=dict)
    twice: int = 0
    """Cards of a conversation that had one."""
    updates: dict[Place, list[tuple[float, frozenset[str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Of each card: when it changed, and which buttons it had then."""
    steps: dict[Place, list[float]] = field(default_factory=lambda: defaultdict(list))
    ticks: dict[Place, float] = field(default_factory=dict)
    replies: dict[str, set[Place]] = field(default_factory=lambda: defaultdict(set))
    """What agents wrote to each customer, of which a tick may stand for those above it."""
    failures: dict[Place, float] = field(default_factory=dict)
    posts: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    limited: Counter[str] = field(default_factory=Counter)
    count: int = 0

    @property
    def changes(self) -> int:
        """Calls so far that post or change something; not those that only read."""
        return sum(
            count for method, count in self.calls.items() if method.startswith(("chat.", "reactions."))
        )

    def wrote(self, done: Done) -> None:
        """An agent wrote that."""
        self.replies[done.user].add(done.place)

    def ticked(self, done: Done) -> float | None:
        """When a tick stood on that reply or on one below it."""
        channel, ts = done.place
        below = {(at, one) for at, one in self.replies[done.user] if at == channel and float(one) > float(ts)}
        return min((self.ticks[one] for one in {done.place, *below} if one in self.ticks), default=None)

    def take(self, calls: Iterable[Json]) -> None:
        """The next calls, in order; stops at the first that has no answer yet."""
        for call in calls:
            if call["status"] is None:
                return
            self.count += 1
            self.calls[call["method"]] += 1
            if call["status"] == 429:
                self.limited[call["method"]] += 1
            if call["took_effect"]:
                self._took(call)

    def _took(self, call: Json) -> None:
        asked = call["arguments"]
        match call["method"]:
            case "chat.postMessage":
                self._post(asked, str(call["answer"]["ts"]))
            case "chat.update":
                shown = frozenset(found["name"] for found in _ACTION.finditer(_flat(asked)))
                self.updates[asked["channel"], asked["ts"]].append((call["when"], shown))
            case "reactions.add" if asked["name"] == TICK:
                self.ticks.setdefault((asked["channel"], asked["timestamp"]), call["when"])

    def _post(self, asked: Json, ts: str) -> None:
        at, thread = float(ts), asked.get("thread_ts")
        text = _flat(asked)
        if not thread:
            self._card(text, (asked["channel"], ts))
        elif failed := _failed(asked):
            self.failures.setdefault(failed, at)
            self.posts["failures"] += 1
        elif found := tokens(_flat({"blocks": asked.get("blocks")}), Deed.WRITES):
            self.joined.append((at, len(found)))
            for user, number in found:
                self.questions[user].append((number, at))
            self.posts["customers' messages"] += 1
        elif _LINE.search(text):
            self.posts["what the bot said"] += 1
        else:
            self.steps[asked["channel"], thread].append(at)
            self.posts["what happened (claimed, resolved)"] += 1

    def _card(self, text: str, place: Place) -> None:
        found = tokens(text, Deed.ASKS)
        self.posts["cards" if found else "others"] += 1
        for user in {user for user, _number in found}:
            self.twice += user in self.cards
            self.cards.setdefault(user, (place, float(place[1])))


def _flat(asked: Json) -> str:
    """All of it as text, whether lists came as JSON or as text of JSON."""
    return json.dumps(asked, ensure_ascii=False).replace('\\"', '"')


def _failed(asked: Json) -> Place | None:
    """The reply whose failure this post tells."""
    marks = asked.get("metadata") or {}
    marks = json.loads(marks) if isinstance(marks, str) else marks
    for entry in marks.get("event_payload", {}).get("entries", ()):
        if found := _FAILED.search(str(entry)):
            return found["channel"], found["ts"]
    return None


# --- from one to the other -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """How long it took, in seconds; ``missing`` had not come when we stopped waiting."""

    count: int
    p50: float
    p95: float
    most: float
    missing: int

    def line(self, name: str) -> str:
        """As Markdown."""
        if not self.count:
            return f"| {name} | 0 | | | | {self.missing or ''} |"
        return (
            f"| {name} | {self.count} | {self.p50:.1f} | {self.p95:.1f} | {self.most:.1f} "
            f"| {self.missing or ''} |"
        )


def spread(waits: Sequence[float | None]) -> Spread:
    """Of some waits; None for what has not come."""
    known = sorted(wait for wait in waits if wait is not None)
    if not known:
        return Spread(0, 0.0, 0.0, 0.0, len(waits))
    cuts = statistics.quantiles(known, n=20, method="inclusive") if len(known) > 1 else [known[0]] * 19
    return Spread(len(known), cuts[9], cuts[18], known[-1], len(waits) - len(known))


Look = Callable[[Done], float | None]


def shown(seen: Seen, done: Done) -> float | None:
    """When Slack showed what came of it, if it has."""
    match done.deed:
        case Deed.ASKS:
            return seen.cards[done.user][1] if done.user in seen.cards else None
        case Deed.WRITES:
            return next(
                (at for number, at in seen.questions.get(done.user, ()) if number == done.number), None
            )
        case Deed.REPLIES if done.refused:
            return seen.failures.get(done.place)
        case Deed.REPLIES:
            return seen.ticked(done)
        case Deed.CLAIMS | Deed.RESOLVES:
            changes = seen.updates.get(done.place, ())
            return next((at for at, acts in changes if at >= done.at and done.deed.value not in acts), None)


def said(seen: Seen, done: Done) -> float | None:
    """When the thread told of a claim, or of the end."""
    return next((at for at in seen.steps.get(done.place, ()) if at >= done.at), None)


def is_all_seen(seen: Seen, done: Done) -> bool:
    """Whether all that Slack will show of it is there."""
    told = done.deed is not Deed.CLAIMS or said(seen, done) is not None
    return told and shown(seen, done) is not None


def heard(hearing: Hearing, done: Done) -> float | None:
    """When the customer had a reply."""
    return next((at for number, at in hearing.get(done.user, ()) if number == done.number), None)


ROWS = {
    "customer → Slack": "a customer's message is in the thread",
    "failure → Slack": "a reply that failed: the warning is in the thread (undo time included)",
    "card opened": "a customer asks for a person: the card is in the channel",
    "card claimed": "*Claim* pressed: the card shows who has it",
    "claim said": "*Claim* pressed: the thread says it (the bot is certainly silent)",
    "card resolved": "*Resolve* pressed: the card shows it",
    "agent → customer": "an agent's reply is with the customer (undo time included)",
    "tick": "a reply is with the customer: its tick is shown, or one below it",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a stretch of work showed.

    Attributes:
        waits: by row (see ``ROWS``).
        messages, posts: customers' messages, and in how many posts they came.
        lost, doubled, disordered: of messages either way; all must be 0.
        by_kind: posts of the bot, by what they were.
        calls, limited: Slack's methods: how often called, and refused with 429.
    """

    waits: Mapping[str, Spread]
    messages: int
    posts: int
    lost: int
    doubled: int
    disordered: int
    by_kind: Mapping[str, int]
    calls: Mapping[str, int]
    limited: Mapping[str, int]


def figures(done: Sequence[Done], seen: Seen, hearing: Hearing) -> Figures:
    """Of what was done since ``seen`` began."""
    of = {deed: [one for one in done if one.deed is deed] for deed in Deed}
    for one in of[Deed.REPLIES]:
        seen.wrote(one)
    went = [one for one in of[Deed.REPLIES] if not one.refused]
    failed = [one for one in of[Deed.REPLIES] if one.refused]

    def waits(some: Sequence[Done], look: Look, since: Look = lambda one: one.at) -> Spread:
        pairs = [(since(one), look(one)) for one in some]
        return spread([None if a is None or b is None else max(0.0, b - a) for a, b in pairs])

    def in_slack(one: Done) -> float | None:
        return shown(seen, one)

    def by_customer(one: Done) -> float | None:
        return heard(hearing, one)

    written, told = _numbers(of[Deed.WRITES]), _numbers(went)
    asked = {user: [number for number, _at in seen.questions.get(user, ())] for user in written}
    came = {user: [number for number, _at in hearing.get(user, ())] for user in told}
    both = [*((written[user], asked[user]) for user in written), *((told[user], came[user]) for user in told)]
    return Figures(
        waits={
            "customer → Slack": waits(of[Deed.WRITES], in_slack),
            "failure → Slack": waits(failed, in_slack),
            "card opened": waits(of[Deed.ASKS], in_slack),
            "card claimed": waits(of[Deed.CLAIMS], in_slack),
            "claim said": waits(of[Deed.CLAIMS], lambda one: said(seen, one)),
            "card resolved": waits(of[Deed.RESOLVES], in_slack),
            "agent → customer": waits(went, by_customer),
            "tick": waits(went, in_slack, by_customer),
        },
        messages=sum(count for _at, count in seen.joined),
        posts=len(seen.joined),
        lost=sum(len(set(wanted) - set(got)) for wanted, got in both),
        doubled=seen.twice + sum(len(got) - len(set(got)) for _wanted, got in both),
        disordered=sum(_disorder(wanted, got) for wanted, got in both),
        by_kind=dict(seen.posts),
        calls=dict(seen.calls),
        limited=dict(seen.limited),
    )


def _numbers(done: Iterable[Done]) -> dict[str, list[int]]:
    """By customer: which, as they were done."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in sorted(done, key=lambda one: one.at):
        found[one.user].append(one.number)
    return found


def _disorder(wanted: Sequence[int], got: Sequence[int]) -> int:
    """How many came before one that was sent earlier."""
    once = [number for number in dict.fromkeys(got) if number in wanted]
    places = [wanted.index(number) for number in once]
    return sum(later < earlier for earlier, later in pairwise(places))
