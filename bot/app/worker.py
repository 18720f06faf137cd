"""The worker: takes events and runs turns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from bot.app import nlu, parts, teams
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.domain.chat import Chat
from bot.domain.errors import ConfigurationError
from bot.engine.outbox import Addresser
from bot.engine.turn import TurnRules, TurnRunner
from bot.engine.worker import Worker, WorkerRules
from bot.knowledge.files import FileKnowledge
from bot.nlu.language import LinguaDetector
from bot.operations.queue import Queue
from bot.ports.shop import Shop
from bot.settings import Settings
from bot.shop.file import FileShop
from bot.shop.guarded import GuardedShop
from bot.shop.http import HttpShop
from handlers import build_choose, satisfaction
from handlers.care import Care, Thresholds

log = structlog.get_logger(__name__)


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """The worker, and what keeps its knowledge fresh.

    Raises:
        ConfigurationError: replies, hours, knowledge, or the shop's address or file are wrong.
    """
    settings = core.settings
    known = parts.knowledge(settings)
    behaviour = await care(core, known, stack)
    runner = TurnRunner(
        nlu=await nlu.client(settings, stack),
        choose=build_choose(behaviour),
        detector=LinguaDetector(),
        addresser=Addresser(parts.desks(settings)),
        rules=TurnRules(
            reopening=timedelta(hours=settings.timeouts.reopen_hours),
            aside=satisfaction.aside(behaviour.thresholds),
        ),
    )
    rules = WorkerRules(lease_ttl=LEASE_TTL, drain=settings.timeouts.drain_seconds)
    worker = Worker(core.store.turns, runner, core.owner, rules, core.clock)
    starts_by = float(os.environ.get(nlu.STARTS_BY, 0))
    return [nlu.once_it_answers(worker.run, lambda: nlu.check(settings), starts_by), known.watch]


async def care(core: Core, known: FileKnowledge, stack: AsyncExitStack) -> Care:
    """What handlers read.

    Raises:
        ConfigurationError: replies, hours, or the shop's address or file are wrong.
    """
    settings = core.settings
    numbers, replies = settings.understanding, parts.replies(settings)
    known_teams = teams.teams(settings)
    orders = GuardedShop(await shop(settings, stack))
    return Care(
        replies=replies,
        knowledge=known,
        shop=orders,
        order_missed=orders.missed,
        hours=teams.hours(settings),
        teams=known_teams,
        roster=core.roster,
        waits=core.waits,
        queue=Queue(core.board, core.clock).since,
        privacy_url=f"{settings.public_url}/chat/privacy",
        thresholds=Thresholds(
            answer_at=numbers.answer_at,
            ambiguous_within=numbers.ambiguous_within,
            protected_at=numbers.protected_at,
        ),
        idle_after=timedelta(minutes=settings.timeouts.idle_minutes),
        agent_idle_after=timedelta(minutes=settings.timeouts.agent_idle_minutes),
        resume_email_enabled=_offers_mail(settings),
    )


def _offers_mail(settings: Settings) -> Callable[[Chat], bool]:
    mails = settings.smtp.url is not None
    return lambda chat: mails and chat.id.channel == "web"


async def shop(settings: Settings, stack: AsyncExitStack) -> Shop:
    """The shop's API, or the orders in a file.

    A file that cannot be read is no reason not to answer anything at all: it is logged, and
    whoever asks for an order is told.

    Raises:
        ConfigurationError: the address is wrong.
    """
    if settings.shop.base_url is None:
        shop = FileShop(settings.shop.file)
        try:
            await asyncio.to_thread(shop.check)
        except ConfigurationError as error:
            log.warning("shop.unreadable", error=str(error))
        return shop
    token = settings.shop.token.get_secret_value() if settings.shop.token else None
    return await stack.enter_async_context(HttpShop(settings.shop.base_url, token=token))
