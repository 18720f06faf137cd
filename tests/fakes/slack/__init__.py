"""A stand-in of Slack, as an app sees it: the Web API, Socket Mode, signed HTTP, and people's hands.

    async with SlackStandIn() as slack:                       # limits=True: Slack's published rate limits
        lea = slack.add_user("U1", real_name="Léa Dumas", locale="fr-FR")
        slack.add_channel("C1", name="care", members=["U1"])  # the bot is in it too
        app = AsyncApp(client=AsyncWebClient(token=slack.bot_token, base_url=slack.api_url), …)
        handler = AsyncSocketModeHandler(app, slack.app_token)  # or slack.http.use("http://127.0.0.1:…/slack/events")
        …
        ts = lea.post("C1", "bonjour", thread_ts=card)        # what people do; the app hears of it
        answer = await lea.press("C1", card, "claim")         # fails (NotShown) when no such button is shown
        view = lea.view(); answer = await lea.submit(view["id"], {"answer": "…"}); answer.errors
        await slack.until(lambda: slack.channel("C1").thread(card)[1:])  # wait for what the app does

People: ``post edit delete react press choose press_ephemeral press_in_view press_home submit close shortcut
command open_home dm`` and, to look, ``ephemerals() opened_views() view() home() dms()``.
State: ``slack.channel(id).messages``, ``.thread(ts)``, ``.removed``; ``slack.calls``, ``calls_of(method)``,
``acks``, ``unacked``, ``lost``; ``slack.pings(message)`` says whom a message would notify.
Misfortunes: ``slack.faults.order("429", "chat.postMessage", times=3, retry_after=2)`` (see ``faults``),
``slack.limits.on()``, ``slack.sockets.drop(seconds)``, ``.disconnect(reason)``, ``.silence()``,
``slack.unfurl(channel, ts)`` (a change nobody made), ``slack.revoke_token()``, ``remove_bot(channel)``,
``archive``, ``delete_channel``, ``set_scopes``. ``upload``, ``download`` and ``response_url`` can fail too.
Forged and stale requests: ``slack.http.post(body, secret="wrong")``, ``slack.http.post(body, age=400)``.
In a process of its own (see ``remote`` and ``control``):
``async with remote.running("--limits") as slack: await slack.do("user.press", "U1", "C1", ts, "claim")``.

Times are Slack's own: three seconds to confirm, further attempts at once and after one and five minutes
(``retry_delays=(0, 1, 5)`` to hurry), a trigger_id good for three seconds. An event nobody listens to is not
confirmed by bolt (404), and comes again.

Two habits of slack_sdk show here: its default retry handlers send a post again after a cut connection
(``"cut_after"``: two messages; pass ``retry_handlers=[]``), and its aiohttp socket client keeps trying an
address whose ticket has expired (``sockets.drop(60)``: it does not come back by itself).

Not here: several workspaces or apps, Enterprise Grid, user tokens, OAuth, canvases, huddles, workflows,
search, scheduled messages, group direct messages, event filters by metadata, options loaded from the app.
"""

from __future__ import annotations

from tests.fakes.slack.errors import NotShown, Refused
from tests.fakes.slack.events import Answer
from tests.fakes.slack.people import User, at_once
from tests.fakes.slack.records import Generated
from tests.fakes.slack.stand_in import SlackStandIn

__all__ = ["Answer", "Generated", "NotShown", "Refused", "SlackStandIn", "User", "at_once"]
