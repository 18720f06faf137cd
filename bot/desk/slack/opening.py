"""Opens a modal at once, and fills it in when what it shows has been read.

Slack's trigger is good for three seconds; the store and the record may take longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from bot.desk.slack import kit
from bot.desk.slack.authority import TROUBLE, code_of
from bot.desk.slack.context import Desk
from bot.desk.slack.wording import say
from bot.domain.errors import RecordUnavailable, StoreUnavailable

IN_TIME = 2.5
"""Seconds: Slack gives a modal that was sent three."""

log = structlog.get_logger(__name__)

Json = dict[str, Any]


async def open_filled(
    desk: Desk, body: Mapping[str, Any], title: str, language: str, build: Callable[[], Awaitable[Json]]
) -> None:
    """Show a modal that says it is loading, then what ``build`` makes of it; on top of the modal the button
    was in, if it was in one."""
    loading = kit.told(title, say("care.loading", language), language)
    inside = (body.get("view") or {}).get("type") == "modal"
    call = desk.client.views_push if inside else desk.client.views_open
    opened = await call(trigger_id=str(body["trigger_id"]), view=loading)
    view_id = opened["view"]["id"]
    await fill(desk, view_id, title, language, build)


async def fill(
    desk: Desk, view_id: str, title: str, language: str, build: Callable[[], Awaitable[Json]]
) -> None:
    """Put what ``build`` makes into an open modal; what cannot be read now is said."""
    try:
        view = await build()
    except (StoreUnavailable, RecordUnavailable) as error:
        log.warning("slack.view_not_read", error=type(error).__name__)
        view = kit.told(title, say("care.not_now", language), language)
    await change(desk, view_id, view)


async def change(desk: Desk, view_id: str, view: Json) -> None:
    """Show something else in an open modal. When that cannot be (it was closed meanwhile, Slack is slow),
    nothing is lost: what was asked for is done, or can be asked for again."""
    try:
        await desk.client.views_update(view_id=view_id, view=view)
    except TROUBLE as error:
        log.info("slack.view_not_changed", error=code_of(error))


async def answered(title: str, language: str, build: Callable[[], Awaitable[Json]]) -> Json:
    """What ``build`` makes of a modal that was sent, in time to be the answer to it. (To answer "loading" and
    change that afterwards is a race: Slack may take the change before the answer.)"""
    try:
        return await asyncio.wait_for(build(), IN_TIME)
    except (StoreUnavailable, RecordUnavailable, TimeoutError) as error:
        log.warning("slack.view_not_read", error=type(error).__name__)
        return kit.told(title, say("care.not_now", language), language)
