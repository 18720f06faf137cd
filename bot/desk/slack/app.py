"""The bolt app: what Slack tells us goes through a few small steps, in this order.

1. Bolt checks the signature of an HTTP request, and answers Slack's own checks.
2. ``_messages``: a message event is taken in, durably, and confirmed here. Bolt would confirm it before its
   listener is done, and in Socket Mode never one that nobody listens to.
3. ``_news``: what happens to the app itself.
4. ``authorised``: whoever else does something is asked for; listeners find the ``Actor`` in the context. A
   button in a conversation's thread must be about that conversation.
5. Listeners: each makes its event durable, then confirms.
6. What nobody listens to is confirmed, logged, and the person told.

What fails before it is durable is not confirmed: Slack sends an event again, and shows an error to a person.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

import structlog
from prometheus_client import Counter
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.desk.slack import actions, history, kit, modals
from bot.desk.slack.acting import Acts, is_in_place, place_of
from bot.desk.slack.authority import Authority, Directory, Refused, SlackSilent, Staff, code_of
from bot.desk.slack.context import ACTOR, Desk
from bot.desk.slack.intake import REFUSED, MessageIntake
from bot.desk.slack.lanes import Lanes
from bot.desk.slack.news import OURS, News
from bot.desk.slack.telling import Teller
from bot.desk.slack.wording import DEFAULT, say
from bot.domain.errors import StoreUnavailable

log = structlog.get_logger(__name__)

UNKNOWN = Counter("guichet_slack_unknown", "What nobody listens to, by kind", ["kind"])
FAILED = Counter("guichet_slack_failures", "What could not be taken in, by kind of error", ["error"])

FEATURES = ("home", "care_command", "teach", "details", "search", "saved")
"""Modules of this package that listen to more, each with ``register(app, desk)``."""

Json = Mapping[str, Any]
Next = Callable[[], Awaitable[None]]
_ANY = re.compile(r".*", re.DOTALL)


class SlackApp:
    """The app, and what it needs closed. ``directory`` is for those who look people up beside it, ``intake``
    for messages that Slack did not tell of."""

    def __init__(self, bolt: AsyncApp, directory: Directory, teller: Teller, intake: MessageIntake) -> None:
        self.bolt = bolt
        self.directory = directory
        self.intake = intake
        self._teller = teller

    async def close(self) -> None:
        """Let what is being said be said."""
        await self._teller.drain()


def build_app(
    desk: Desk,
    staff: Staff,
    *,
    bot_token: str,
    signing_secret: str = "",
    allowed: Callable[[str], bool] = lambda _mime: True,
    features: tuple[str, ...] = FEATURES,
) -> SlackApp:
    """Put it together. Nothing is asked of Slack before something comes in.

    Args:
        desk: what listeners are given.
        staff: who may act.
        bot_token: the app's, ``xoxb-…``.
        signing_secret: proves that an HTTP request is Slack's. Without one, do not serve HTTP.
        allowed: whether files declared to be of that MIME type may be taken.
        features: which modules listen beside the conversation's own.
    """
    directory = Directory(desk.client, desk.clock)
    teller, lanes = Teller(desk.client, desk.clock), Lanes()
    authority = Authority(directory, staff)

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=None, bot_token=bot_token)

    bolt = AsyncApp(
        name="guichet",
        logger=_silent(),
        client=desk.client,
        authorize=authorize,
        signing_secret=signing_secret,
        ignoring_self_events_enabled=False,  # bolt would ask Slack who we are, for each; step 2 knows
        attaching_function_token_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )
    steps = _Steps(desk, directory, authority, teller)
    intake = MessageIntake(desk, authority, directory, teller, lanes, allowed)
    bolt.use(_messages(intake))
    bolt.use(_news(News(desk, directory, teller)))
    bolt.use(steps.authorised)
    bolt.error(steps.failed)
    acts = Acts(desk, teller, lanes)
    actions.register(bolt, acts)
    history.register(bolt, acts)
    modals.register(bolt, modals.Forms(acts, directory))
    for name in features:
        import_module(f"bot.desk.slack.{name}").register(bolt, desk)
    steps.register_the_rest(bolt)
    return SlackApp(bolt, directory, teller, intake)


def _silent() -> logging.Logger:
    """Bolt's own lines hold texts and tokens; what matters is logged here."""
    logger = logging.getLogger("slack_bolt.silent")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    return logger


def _ok() -> BoltResponse:
    return BoltResponse(status=200, body="")


def _messages(intake: MessageIntake) -> Callable[..., Awaitable[BoltResponse | None]]:
    async def messages(body: dict[str, Any], next_: Next) -> BoltResponse | None:
        event = body.get("event") if body.get("type") == "event_callback" else None
        if not isinstance(event, dict) or event.get("type") != "message":
            await next_()
            return None
        await intake.take(event)
        return _ok()

    return messages


def _news(news: News) -> Callable[..., Awaitable[BoltResponse | None]]:
    async def hear(body: dict[str, Any], next_: Next) -> BoltResponse | None:
        event = body.get("event") if body.get("type") == "event_callback" else None
        if not isinstance(event, dict) or event.get("type") not in OURS:
            await next_()
            return None
        await news.hear(event)
        return _ok()

    return hear


class _Steps:
    """Who acts, what nobody listens to, and what fails."""

    def __init__(self, desk: Desk, directory: Directory, authority: Authority, teller: Teller) -> None:
        self._desk = desk
        self._directory = directory
        self._authority = authority
        self._teller = teller

    # --- who acts ------------------------------------------------------------------------------

    async def authorised(
        self, body: dict[str, Any], context: AsyncBoltContext, next_: Next
    ) -> BoltResponse | None:
        """Only those the configuration names go on."""
        event = body.get("event") or {}
        user = str(event.get("user") or context.user_id or "")
        if body.get("type") == "event_callback" and event.get("type") != "app_home_opened":
            await next_()
            return None
        actor = await self._authority.judge(user)
        if isinstance(actor, Refused):
            return await self._refuse(body, actor)
        context[ACTOR] = actor
        if body.get("type") == "block_actions" and not await is_in_place(self._desk, body):
            log.warning("slack.button_of_another_thread", user=user, name=_name_of(body)[:80])
            return self._answered(body, say("acts.inactive", actor.language), actor.user, actor.language)
        await next_()
        return None

    async def _refuse(self, body: Json, refused: Refused) -> BoltResponse:
        what = str(body.get("type") or ("command" if body.get("command") else ""))
        log.warning("slack.refused", user=refused.user, reason=refused.reason.value, what=what)
        REFUSED.labels(refused.reason.value).inc()
        words = say(f"acts.refused_{refused.reason.value}", refused.language)
        if what == "event_callback":
            await self._show_refusal_at_home(body, refused)
            return _ok()
        if what == "block_suggestion":
            return BoltResponse(status=200, body={"options": []})
        return self._answered(body, words, refused.user, refused.language)

    async def _show_refusal_at_home(self, body: Json, refused: Refused) -> None:
        if (body.get("event") or {}).get("tab") == "home":
            text = kit.section(kit.text(say("acts.home_refused", refused.language)))
            view = {"type": "home", "blocks": [text]}
            try:
                await self._desk.client.views_publish(user_id=refused.user, view=view)
            except SlackApiError as error:
                log.warning("slack.home_not_shown", error=code_of(error))

    def _answered(self, body: Json, words: str, user: str, language: str) -> BoltResponse:
        """Say something to whoever acted, where they look."""
        if body.get("command"):
            return BoltResponse(status=200, body={"response_type": "ephemeral", "text": words})
        if body.get("type") == "view_submission":
            view = kit.told(_title_of(body), words, language)
            return BoltResponse(status=200, body={"response_action": "update", "view": view})
        if body.get("type") != "view_closed":
            place = place_of(body)
            self._teller.whisper(user, words, channel=place.channel, thread=place.thread)
        return _ok()

    # --- what nobody listens to ------------------------------------------------------------------

    def register_the_rest(self, bolt: AsyncApp) -> None:
        """Listen to everything that is left. Call it last."""

        async def event(body: dict[str, Any]) -> None:
            UNKNOWN.labels("event").inc()
            log.debug("slack.event_ignored", kind=str((body.get("event") or {}).get("type")))

        async def closed(ack: AsyncAck) -> None:
            await ack()

        async def options(ack: AsyncAck) -> None:
            await ack(options=[])

        bolt.event(_ANY)(event)
        bolt.action(_ANY)(self._unknown)
        bolt.shortcut(_ANY)(self._unknown)
        bolt.command(_ANY)(self._unknown)
        bolt.view_submission(_ANY)(self._unknown)
        bolt.view_closed(_ANY)(closed)
        bolt.options(_ANY)(options)

    async def _unknown(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        action = (body.get("actions") or [{}])[0]
        if not action.get("url"):  # a button that is a link has been followed: nothing else is to happen
            kind = str(body.get("type") or "command")
            UNKNOWN.labels(kind).inc()
            log.warning("slack.unknown", kind=kind, name=_name_of(body)[:80])
            actor = context[ACTOR]
            words = say("acts.inactive", actor.language)
            answer = self._answered(body, words, actor.user, actor.language)
            if answer.body:
                await ack(_parsed(answer))
                return
        await ack()

    # --- what fails ------------------------------------------------------------------------------

    async def failed(
        self, error: Exception, body: dict[str, Any], request: AsyncBoltRequest, response: BoltResponse | None
    ) -> BoltResponse | None:
        """Nothing was promised: an event comes again, a person is told to try again."""
        self._log(error, body)
        if body.get("type") == "event_callback":
            return BoltResponse(status=503, body="") if response is not None else None
        user = str(request.context.user_id or "")
        person = self._directory.recalled(user)
        language = person.language if person else DEFAULT
        words = say(f"acts.{_outcome(error)}", language)
        if response is None or body.get("type") not in ("view_submission", None):
            self._teller.whisper(user, words, channel=place_of(body).channel, thread=place_of(body).thread)
            return BoltResponse(status=503, body="") if response is not None else None
        if body.get("type") is None:
            return self._answered(body, words, user, language)
        question = _first_question(body)
        if question is None:
            return self._answered(body, words, user, language)
        errors = {"response_action": "errors", "errors": {question: words}}
        return BoltResponse(status=200, body=errors)

    def _log(self, error: Exception, body: Json) -> None:
        FAILED.labels(type(error).__name__).inc()
        kind = str(body.get("type") or "command")
        if isinstance(error, StoreUnavailable | SlackSilent | SlackApiError):
            log.warning("slack.not_taken", error=type(error).__name__, code=code_of(error), kind=kind)
        else:
            log.error("slack.listener_failed", kind=kind, name=_name_of(body)[:80], exc_info=error)


def _outcome(error: Exception) -> str:
    if isinstance(error, SlackApiError):
        code = code_of(error)
        return (
            "late"
            if code in ("expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id")
            else "failed"
        )
    return "not_taken" if isinstance(error, StoreUnavailable | SlackSilent) else "failed"


def _title_of(body: Json) -> str:
    return str((((body.get("view") or {}).get("title")) or {}).get("text") or "Guichet")


def _name_of(body: Json) -> str:
    action = (body.get("actions") or [{}])[0]
    view = body.get("view") or {}
    return str(
        action.get("action_id")
        or body.get("callback_id")
        or view.get("callback_id")
        or body.get("command")
        or ""
    )


def _first_question(body: Json) -> str | None:
    """The first input of a form: where Slack can show an error."""
    blocks = (body.get("view") or {}).get("blocks") or ()
    return next((str(block["block_id"]) for block in blocks if block.get("type") == "input"), None)


def _parsed(answer: BoltResponse) -> Any:
    return json.loads(answer.body)
