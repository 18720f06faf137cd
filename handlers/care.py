"""What the behaviour may read: wording, knowledge, the shop, hours, and the numbers it goes by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.chat import Chat
from bot.domain.decision import Decision
from bot.domain.identity import Agent
from bot.domain.turn import Turn
from bot.ports.knowledge import Knowledge
from bot.ports.roster import Presence, Roster, Waits
from bot.ports.shop import Shop
from handlers.hours import Hours
from handlers.replies import Replies
from handlers.teams import Teams

MENU = (
    "order_status",
    "faq_delivery_times",
    "faq_return_how",
    "faq_refund_when",
    "faq_store_locations",
    "faq_routine",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When the bot is sure enough. All numbers about what a message means are here.

    A confidence is a probability: of a hundred guesses at 0.6, about sixty are right. So a number below
    says how often we accept to be wrong. Chosen by cross-validation on training files: docs/nlu.md.

    Attributes:
        answer_at: an intent at least that likely is acted on; so are two or three at least that likely
            together, by asking which one.
        ambiguous_within: an intent that is acted on, with another one that close behind it, makes us ask
            which one.
        option_at: an intent at least that likely may be asked about ("did you mean …?").
        suggest_at: an intent at least that likely is worth a button when we did not understand.
        behind_greeting_at: a question at least that likely is answered though the message is more likely
            a mere greeting: a greeting said beside it takes nothing from it.
        person_at: anger, or the wish for a person, is acted on when best and at least that likely: "I did
            not understand" is the wrong thing to say to either.
        upset_at: anger that likely, even if not best, spares the customer cheerful questions.
        not_ours_at: a message that is at least that likely about nothing we know is told so; one that may
            yet be ours is asked to be said otherwise.
        protected_at: protected intents that are together at least that likely are acted on: a miss costs
            more than an alarm.
        protected_best_at: so is one that is the best, or as good as, from that likelihood on. Below, no
            intent means anything.
        protected_within: how close behind the best is as good as the best.
    """

    answer_at: float = 0.45
    ambiguous_within: float = 0.1
    option_at: float = 0.1
    suggest_at: float = 0.05
    behind_greeting_at: float = 0.25
    person_at: float = 0.25
    upset_at: float = 0.15
    not_ours_at: float = 0.8
    protected_at: float = 0.12
    protected_best_at: float = 0.1
    protected_within: float = 0.1


def _never(_chat: Chat) -> bool:
    return False


def _unheard(_number: str) -> None:
    return


class NobodyAway:
    """A roster of a house where nobody says that they are away."""

    async def presence(self, _agent_id: str) -> Presence:
        """Here."""
        return Presence()

    async def say(self, _agent: Agent, *, away: bool, at: datetime) -> None:
        """Not kept."""

    async def saw(self, _agent_id: str, *, online: bool) -> None:
        """Not kept."""


class NothingKnown:
    """Waits of a house that does not measure them."""

    async def recent(self, _team: str) -> Sequence[float]:
        """None."""
        return ()


async def _empty(_team: str) -> Sequence[datetime]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """Everything a handler reads besides its turn.

    Attributes:
        teams: who looks after what, and what they promise.
        roster: which agents are here.
        waits: how long customers waited for each team lately.
        queue: since when each customer waits whom a team has not answered yet.
        privacy_url: the privacy notice.
        menu: what the help offers: FAQ intents, or ``order_status``.
        idle_after: silence after which a conversation with the bot is closed.
        agent_idle_after: opening time after which an agent who does not answer is reminded, and after as much
            again the conversation goes back to the queue.
        remind_after: opening time after which a waiting customer hears from us once; None for never.
        acknowledge_every: at most one acknowledgement of a waiting customer's messages in that time.
        email_every: at most one email about an answer in that time.
        order_attempts: failed order look-ups a chat may make in a day (UTC).
        order_missed: told the number of each failed look-up, so that guessing from many chats is noticed.
        resume_email_enabled: whether this customer may leave an email while waiting.
    """

    replies: Replies
    knowledge: Knowledge
    shop: Shop
    hours: Hours
    privacy_url: str
    thresholds: Thresholds = Thresholds()
    teams: Teams = Teams()
    roster: Roster = NobodyAway()
    waits: Waits = NothingKnown()
    queue: Callable[[str], Awaitable[Sequence[datetime]]] = _empty
    menu: tuple[str, ...] = MENU
    idle_after: timedelta = timedelta(minutes=30)
    agent_idle_after: timedelta = timedelta(minutes=15)
    remind_after: timedelta | None = timedelta(minutes=15)
    acknowledge_every: timedelta = timedelta(minutes=10)
    email_every: timedelta = timedelta(hours=1)
    order_attempts: int = 5
    order_missed: Callable[[str], None] = _unheard
    resume_email_enabled: Callable[[Chat], bool] = _never

    @property
    def default_team(self) -> str:
        """Who gets what no other team does."""
        return self.teams.default

    def team_of(self, intent: str, language: str) -> str:
        """Who looks after an intent (empty when it is not known) of a customer who speaks that language."""
        entry = self.knowledge.answer(intent, language) if intent else None
        return self.teams.route(intent, language, entry.team if entry else "")


Behaviour = Callable[[Turn, Care], Awaitable[Decision]]
"""A handler before it is bound to what it reads."""
