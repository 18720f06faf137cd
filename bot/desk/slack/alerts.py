"""What staff should look up for: said in the thread, where it makes a sound for those it names."""

from __future__ import annotations

from bot.desk.slack.cards import stars
from bot.desk.slack.client import PLACE_GONE
from bot.desk.slack.context import DeskTeam
from bot.desk.slack.escaping import escaped, mrkdwn, one_line, plain
from bot.desk.slack.posting import Job, Message, Surroundings, post_once
from bot.desk.slack.prompts import AGENT, user_of
from bot.desk.slack.shortening import shorten
from bot.desk.slack.wording import known, say
from bot.domain.errors import DeliveryRefused, StoreUnavailable
from bot.domain.outgoing import Alert, CaseAlert
from bot.ports.threads import Thread

FEW = 8
"""Up to so many are named; a larger team is called as a whole."""

_FOR_A_TEAM = (Alert.DUE_SOON, Alert.OVERDUE)


class Alerts:
    """Says them, once each."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def say(self, job: Job, thread: Thread, alert: CaseAlert) -> None:
        """In the thread; to a whole team in its channel as well."""
        who = await self._who(alert)
        words = self._words(alert, who, self._around.language_at(thread.place))
        is_loud = alert.kind in _FOR_A_TEAM
        message: Message = {"text": words, "blocks": [{"type": "section", "text": mrkdwn(words)}]}
        if alert.kind is Alert.RATED:
            message["blocks"] += self._reason(alert)
        shown = {**message, "reply_broadcast": True} if is_loud else message
        await post_once(self._around, job, thread, f"alert:{job.entry.id}", shown)
        team = self._around.teams.get(alert.team)
        if is_loud and team is not None and thread.place not in team.channels:
            await self._elsewhere(job, thread, alert, team, who)

    async def _elsewhere(self, job: Job, thread: Thread, alert: CaseAlert, team: DeskTeam, who: str) -> None:
        """In the team's own channel, with a way to the thread."""
        link = await job.calls.link(thread.place, thread.root)
        words = (
            f"{self._words(alert, who, team.language)} {say('desk.thread_link', team.language, link=link)}"
        )
        message: Message = {"text": words, "blocks": [{"type": "section", "text": mrkdwn(words)}]}
        key = f"alert:{job.entry.id}:elsewhere"
        if await self._around.threads.find(job.conversation, key):
            return
        for place in team.channels:
            try:
                ts = await job.calls.post(place, **message)
            except DeliveryRefused as refusal:
                if refusal.reason in PLACE_GONE:
                    continue
                raise
            await self._around.threads.remember(job.conversation, key, ts)
            return

    def _words(self, alert: CaseAlert, who: str, language: str) -> str:
        team = self._around.teams.get(alert.team)
        title = escaped((team.titles.get(language) if team else None) or alert.team)
        values = {"who": who, "team": title, "stars": stars(_rating(alert))}
        if alert.kind is Alert.TAKEN_OVER:
            values["agent"] = escaped(one_line(alert.detail, 60)) or say("desk.somebody", language)
        key = f"desk.alert_{alert.kind.value}"
        if alert.detail and known(f"{key}_{alert.detail}"):
            key = f"{key}_{alert.detail}"
        return say(key, language, **values).replace("  ", " ").strip()

    def _reason(self, alert: CaseAlert) -> list[Message]:
        """The customer's words, if they came along."""
        words = one_line(shorten(alert.detail.partition(" ")[2]), 1_000)
        return [{"type": "section", "text": plain(words)}] if words else []

    # --- whom ----------------------------------------------------------------------------------

    async def _who(self, alert: CaseAlert) -> str:
        if alert.kind is Alert.RATED:
            return ""
        if alert.agent is not None:
            user = user_of(alert.agent)
            return f"<@{user}>" if user else escaped(alert.agent.name)
        team = self._around.teams.get(alert.team)
        if team is None or alert.kind not in _FOR_A_TEAM:
            return ""
        users = team.leads if alert.kind is Alert.OVERDUE and team.leads else (*team.agents, *team.leads)
        here = [user for user in dict.fromkeys(users) if await self._is_here(user)]
        if not here or len(here) > FEW:
            return "<!here>"
        return " ".join(f"<@{user}>" for user in here)

    async def _is_here(self, user: str) -> bool:
        try:
            return (await self._around.roster.presence(f"{AGENT}{user}")).is_here
        except StoreUnavailable:
            return True


def _rating(alert: CaseAlert) -> int:
    score = alert.detail.partition(" ")[0]
    return int(score) if score.isdigit() else 0
