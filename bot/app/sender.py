"""The senders: one for each destination that is configured."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bot.app import parts
from bot.app.core import Core
from bot.app.runner import LEASE_TTL, Runner
from bot.channels.web.deliverer import WebDeliverer
from bot.channels.web.resume import ResumeMailer
from bot.desk.terminal.deliverer import BoardDeliverer
from bot.engine.sender import Sender, SenderRules
from bot.media.fetcher import MediaFetcher
from bot.ports.delivery import Deliverer


async def build(core: Core, stack: AsyncExitStack) -> list[Runner]:
    """All senders.

    Raises:
        ConfigurationError: a token or an address is wrong.
    """
    rules = SenderRules(lease_ttl=LEASE_TTL, drain=core.settings.timeouts.drain_seconds)

    def sender(deliverer: Deliverer) -> Sender:
        return Sender(core.store.outbox, core.store.leases, deliverer, core.owner, rules, core.clock)

    runners: list[Runner] = [sender(deliverer).run for deliverer in await deliverers(core, stack)]
    if core.settings.slack.bot_token is not None:
        from bot.app import slack  # its libraries take long to load

        known = parts.knowledge(core.settings)
        shown = await slack.deliverers(core, stack, known)
        runners += [*(sender(deliverer).run for deliverer in shown), known.watch]
    return runners


async def deliverers(core: Core, stack: AsyncExitStack) -> list[Deliverer]:
    """One for each destination that is configured.

    Raises:
        ConfigurationError: a token or an address is wrong.
    """
    settings = core.settings
    files = parts.media(settings)
    found: list[Deliverer] = [
        WebDeliverer(settings.web.account, core.transcripts),
        BoardDeliverer(core.board),
    ]
    telegram = await parts.telegram(core, stack)
    if telegram is not None:
        found.append(telegram.deliverer(files))
        found.append(MediaFetcher("telegram", telegram.files, files, core.inbox, core.clock))
    if settings.smtp.url is not None and settings.smtp.sender is not None:
        found.append(
            ResumeMailer(
                smtp_url=settings.smtp.url.get_secret_value(),
                sender=settings.smtp.sender,
                public_url=settings.public_url,
                brand=settings.web.brand,
                sessions=core.sessions,
                clock=core.clock,
            )
        )
    return found
