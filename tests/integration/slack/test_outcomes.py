"""What goes wrong at a counter, and what is seldom done there: each has an outcome that the agent reads in
their own language, and none reaches the customer that should not. Real processes throughout."""

from __future__ import annotations

import itertools
import json
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.slack.names import packed
from bot.desk.slack.wording import say
from tests.fakes.rasa_server import fake_rasa, parsed
from tests.fakes.slack import SlackStandIn, User
from tests.integration.slack.people import actions, cards, channels, reactions, words, workspace
from tests.integration.slack.whole import ROOT, Customer, Whole, until, whole
from tests.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CARE = channels(3)
STRICT, ABSENT, PUSHED = "C0STRICT", "C0ABSENT", "C0PUSHED"
EVERYWHERE = (*CARE, STRICT, ABSENT, PUSHED)
TEAMS = f"""
[teams.beauty]
channels = ["{STRICT}"]
agents = ["U0LEA", "U0OMAR"]
strict = true
[teams.safety]
channels = ["{ABSENT}"]
agents = ["U0LEA"]
[teams.safety.hours]
monday = ""
tuesday = ""
wednesday = ""
thursday = ""
friday = ""
saturday = ""
sunday = "03:00-03:01"
[teams.shop]
channels = ["{PUSHED}"]
agents = ["U0OMAR"]
assign = "push"
"""
UNDO = 3.0
TELEGRAM = "7:AAH-only-for-tests"
BOT = ("web", "worker,scheduler,archiver", "sender", "ingest")


def answer(text: str) -> tuple[int, bytes]:
    return parsed("faq_delivery_times" if "délai" in text else "talk_to_human")


# --- the world -----------------------------------------------------------------------------------


@dataclass
class BotApi:
    """As much of Telegram as one conversation needs; ``blocked``: by that customer."""

    url: str = ""
    blocked: bool = False
    sent: list[str] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def says(self, text: str) -> None:
        """The customer writes."""
        number = next(self.ids)
        person = {"id": 41, "is_bot": False, "first_name": "Tania", "language_code": "fr"}
        chat = {"id": 41, "type": "private", "first_name": "Tania"}
        message = {"message_id": number, "date": int(time.time()), "chat": chat, "from": person, "text": text}
        self.updates.append({"update_id": number, "message": message})

    async def handle(self, request: web.Request) -> web.Response:
        given = dict(await request.post())
        match request.match_info["method"].lower():
            case "getme":
                found: Any = {"id": 7, "is_bot": True, "first_name": "Alba", "username": "alba_bot"}
            case "getupdates":
                offset = int(str(given.get("offset", 0) or 0))
                self.updates = [one for one in self.updates if one["update_id"] >= offset]
                found = self.updates
            case "sendmessage" if self.blocked:
                refused = {
                    "ok": False,
                    "error_code": 403,
                    "description": "Forbidden: bot was blocked by the user",
                }
                return web.json_response(refused, status=403)
            case "sendmessage":
                self.sent.append(str(given["text"]))
                chat = {"id": 41, "type": "private", "first_name": "Tania"}
                found = {"message_id": 1000 + len(self.sent), "date": int(time.time()), "chat": chat}
            case _:
                found = True
        return web.json_response({"ok": True, "result": found})


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApi]:
    fake, app, port = BotApi(), web.Application(), free_port()
    app.router.add_route("*", "/bot{token}/{method}", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    fake.url = f"http://127.0.0.1:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()


@dataclass
class Here:
    """Both sides of the counter."""

    slack: SlackStandIn
    guichet: Whole
    telegram: BotApi
    mode: str
    names: Iterator[int] = field(default_factory=itertools.count)

    @property
    def lea(self) -> User:
        return self.slack.user("U0LEA")

    @property
    def omar(self) -> User:
        return self.slack.user("U0OMAR")

    @property
    def bot(self) -> AsyncWebClient:
        return AsyncWebClient(token=self.slack.bot_token, base_url=self.slack.api_url)

    def thread(self, place: Place) -> list[dict[str, Any]]:
        return self.slack.channel(place[0]).thread(place[1])

    def at(self, place: Place) -> dict[str, Any]:
        return dict(self.slack.channel(place[0]).by_ts[place[1]])

    async def shows(self, place: Place, part: str, seconds: float = 15) -> dict[str, Any]:
        """A message of a thread, its card included, that holds some words."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.thread(place) if part in words(one)), None)

        try:
            return dict(await until(found, f"{part!r} in {place}", seconds))
        except AssertionError as error:
            shown = "\n--\n".join(words(one) for one in self.thread(place))
            raise AssertionError(f"{error}; it holds:\n{shown}") from None

    async def card(self, words_of_it: str, among: tuple[str, ...] = EVERYWHERE) -> Place:
        """The thread of a conversation, by what its card shows."""

        def found() -> Place | None:
            mine = (
                (one, card["ts"])
                for one in among
                if not self.slack.channel(one).is_deleted
                for card in cards(self.slack, one)
                if words_of_it in words(card)
            )
            return next(mine, None)

        place: Place = await until(found, f"a card with {words_of_it!r}", 30)
        return place

    @asynccontextmanager
    async def case(self, *, claimed: bool = True) -> AsyncIterator[tuple[Customer, Place]]:
        """Somebody who asked for a person; Léa has it."""
        name = f"client{next(self.names)}"
        async with self.guichet.customer(name) as customer:
            await customer.says(f"un humain svp, ici {name}.")
            place = await self.card(f"ici {name}.")
            if claimed:
                assert (await self.lea.press(*place, "claim")).acked
                await customer.hears("Léa", seconds=30)
                await until(lambda: "claim" not in actions(self.at(place)), "no more Claim", 30)
            yield customer, place

    async def told(self, user: User, text: str, place: Place | None = None) -> dict[str, Any]:
        """What somebody alone reads."""

        def found() -> dict[str, Any] | None:
            mine = (one for one in user.ephemerals() if place is None or one.get("thread_ts") == place[1])
            return next((one for one in mine if text in words(one)), None)

        try:
            return dict(await until(found, f"{user.id} reads {text!r}", 20))
        except AssertionError as error:
            raise AssertionError(f"{error}; read: {[words(one) for one in user.ephemerals()]}") from None

    async def then(self, customer: Customer, place: Place, user: User | None = None) -> None:
        """Time for what came before to have arrived, were it to: another reply comes behind it."""
        text = f"suite {next(self.names)}"
        (user or self.lea).post(place[0], text, thread_ts=place[1])
        await customer.hears(text, author="agent", seconds=30)

    async def form(self, user: User, but: str = "") -> dict[str, Any]:
        return dict(
            await until(lambda: next((v for v in user.opened_views()[-1:] if v["id"] != but), None), "a form")
        )


Place = tuple[str, str]
"""A thread: its channel and its first message."""


def never_shown(customer: Customer, part: str) -> bool:
    """At no time, not even for a moment."""
    return part not in json.dumps(customer.frames, ensure_ascii=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Here]:
    """One Guichet for many tests, in one of Slack's two modes."""
    folder = tmp_path_factory.mktemp(request.param)
    async with workspace(more_channels=3) as slack, fake_rasa(answer=answer) as rasa, bot_api() as telegram:
        everybody = ["U0LEA", "U0OMAR", "U0LEAD", "U0ADMIN", "U0NOBODY"]
        for channel in (STRICT, ABSENT, PUSHED):
            slack.add_channel(channel, name=channel.lower(), members=everybody)
        async with whole(
            folder, slack, rasa.url, mode=request.param, channels=CARE, roles=BOT, config={"more": TEAMS},
            GUICHET_SLACK__UNDO_SECONDS=str(UNDO),
            GUICHET_TELEGRAM__TOKEN=TELEGRAM,
            GUICHET_TELEGRAM__API_BASE=telegram.url,
        ) as guichet:  # fmt: skip
            if request.param == "http":
                slack.http.use(f"http://127.0.0.1:{guichet.port}/slack/events")
            try:
                yield Here(slack, guichet, telegram, request.param)
            finally:
                (folder / "said.txt").write_text(guichet.logs())


BOTH = pytest.mark.parametrize("here", ["socket", "http"], indirect=True)
SOCKET = pytest.mark.parametrize("here", ["socket"], indirect=True)
HTTP = pytest.mark.parametrize("here", ["http"], indirect=True)


# --- what is not for a customer ------------------------------------------------------------------


@BOTH
async def test_a_button_nobody_knows_is_said_to_be_inactive_in_the_language_of_who_pressed(
    here: Here,
) -> None:
    async with here.case() as (customer, place):
        button = {"type": "button", "action_id": "of_long_ago", "text": {"type": "plain_text", "text": "?"}}
        odd = await here.bot.chat_postMessage(
            channel=place[0], thread_ts=place[1], text="?", blocks=[{"type": "actions", "elements": [button]}]
        )
        for user, language in ((here.lea, "fr"), (here.omar, "en")):
            pressed = await user.press(place[0], odd["ts"], "of_long_ago")
            assert pressed.acked
            await here.told(user, say("acts.inactive", language))
        await here.then(customer, place)


@BOTH
async def test_a_form_sent_in_twice_says_it_once(here: Here) -> None:
    async with here.case() as (customer, place):
        line = await here.bot.chat_postMessage(
            channel=place[0], thread_ts=place[1], text="?",
            blocks=[{"type": "actions", "elements": [reply_button(await conversation_of(here, place))]}],
        )  # fmt: skip
        await here.lea.press(place[0], line["ts"], "reply")
        form = await here.form(here.lea)
        for again in (False, True):
            sent = await here.lea.submit(form["id"], {"text": "Une seule fois."}, even_if_closed=again)
            assert sent.acked
        await customer.hears("Une seule fois.", author="agent")
        await here.then(customer, place)
        assert customer.texts("agent").count("Une seule fois.") == 1
        below = (words(one) for one in here.thread(place) if one["ts"] != place[1])
        stands = [said for said in below if "Une seule fois." in said]
        assert len(stands) == 1, stands


def reply_button(conversation: str) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": "reply",
        "value": packed(conversation),
        "text": {"type": "plain_text", "text": "Répondre"},
    }


async def conversation_of(here: Here, place: Place) -> str:
    """What the card's buttons are about."""
    shown = json.dumps(here.at(place))
    found: str = shown.split('"action_id": "resolve"', 1)[1].split('"value": "', 1)[1].split('"', 1)[0]
    return found.split("|", 1)[0]


@BOTH
async def test_words_in_no_conversation_and_the_apps_own_reach_nobody(here: Here) -> None:
    async with here.case() as (customer, place):
        notice = await here.bot.chat_postMessage(channel=place[0], text="Maintenance ce soir.")
        here.omar.post(place[0], "below a notice", thread_ts=notice["ts"])
        await here.told(here.omar, say("acts.no_conversation", "en"), (place[0], notice["ts"]))
        talk = here.lea.post(place[0], "on mange où ?")
        here.omar.post(place[0], "among colleagues", thread_ts=talk)
        here.omar.post(place[0], "in the channel itself")
        await here.bot.chat_postMessage(channel=place[0], thread_ts=place[1], text="by the app itself")
        await here.then(customer, place)
        for part in ("below a notice", "on mange", "among colleagues", "in the channel", "by the app"):
            assert never_shown(customer, part)
        assert not [one for one in here.omar.ephemerals() if one.get("thread_ts") == talk]


@BOTH
async def test_a_word_in_a_closed_conversation_is_asked_about_and_sent_once_if_meant(here: Here) -> None:
    async with here.case() as (customer, place):
        await here.then(customer, place)
        await here.lea.press(*place, "resolve")
        await here.shows(place, say("desk.closed", "fr").strip("*"))
        here.lea.post(place[0], "trop tard ?", thread_ts=place[1])
        asked = await here.told(here.lea, say("desk.held_closed", "fr"), place)
        assert never_shown(customer, "trop tard ?")
        for _ in range(2):
            await here.lea.press_ephemeral(asked["ts"], "held_send")
        await customer.hears("trop tard ?", author="agent")
        await here.then(customer, place)
        assert customer.texts("agent").count("trop tard ?") == 1


@BOTH
async def test_who_is_in_no_team_is_told_and_does_nothing(here: Here) -> None:
    noe = here.slack.user("U0NOBODY")
    async with here.case(claimed=False) as (customer, place):
        assert (await noe.press(*place, "claim")).acked
        ts = noe.post(place[0], "de la part de personne", thread_ts=place[1])
        await here.told(noe, say("acts.refused_unknown", "fr"), place)
        await until(lambda: "no_entry_sign" in reactions(here.at((place[0], ts))), "a mark for the others")
        await here.then(customer, place)  # Léa's: it was still free
        assert never_shown(customer, "de la part de personne")


@HTTP
async def test_a_colleague_takes_over_by_the_menu_and_whoever_had_it_is_told(here: Here) -> None:
    async with here.case() as (customer, place):
        option = f"take_over|{_conversation_of(here, place)}"
        await here.omar.choose(*place, "more", option)
        form = await here.form(here.omar)
        assert "Léa Dumas" in words(form)
        await here.omar.submit(form["id"])
        told = await here.shows(place, "a pris la suite")
        assert "@U0LEA" in here.slack.pings(told)
        await until(lambda: "Omar Haddad" in words(here.at(place)), "the card says who has it", 30)
        await customer.hears("Omar")
        await here.then(customer, place, here.omar)


@HTTP
async def test_what_customers_clients_call_a_reply_tells_nothing_and_works_all_the_same(here: Here) -> None:
    async with here.case() as (customer, place):
        said = here.lea.post(place[0], "Je regarde.", thread_ts=place[1])
        heard = await customer.hears("Je regarde", author="agent")
        await customer.sees(heard["id"])
        await until(lambda: "eyes" in reactions(here.at((place[0], said))), "it was seen", 30)
        here.lea.edit(place[0], said, "Je regarde tout de suite.")
        await until(lambda: "Je regarde tout de suite." in customer.texts("agent"), "the edit")
        assert [one["id"] for one in customer.messages].count(heard["id"]) == 1
        here.lea.delete(place[0], said)
        await until(lambda: not any("regarde" in one for one in customer.texts("agent")), "it is taken back")
        async with here.guichet.customer("again", session=customer.session) as again:
            await again.hears("Léa")
            frames = [*customer.frames, *again.frames]
        assert not any(place[0] in repr(one) or said in repr(one) for one in frames)


def _conversation_of(here: Here, place: Place) -> str:
    return str(here.at(place)["metadata"]["event_payload"]["conversation"])


@BOTH
async def test_what_is_too_long_too_big_or_of_the_wrong_kind_goes_nowhere_and_why_is_said(here: Here) -> None:
    async with here.case() as (customer, place):
        spots = {"channel": place[0], "thread_ts": place[1]}
        long = here.lea.post(text="é" * 40_000, **spots)  # no letter of an id
        await here.told(here.lea, say("acts.too_long", "fr", length=40_000, most=8_000), place)
        big = here.lea.post(text="la vidéo", files=[("film.mp4", "video/mp4", 30 * 1024 * 1024)], **spots)
        await here.told(here.lea, say("acts.file_size", "fr", name="film.mp4", most=10), place)
        odd = here.lea.post(text="le logiciel", files=[("a.exe", "application/x-msdownload", b"MZ")], **spots)
        await here.told(here.lea, say("acts.file_type", "fr", name="a.exe"), place)
        for ts in (long, big, odd):
            await until(lambda ts=ts: "no_entry_sign" in reactions(here.at((place[0], ts))), "a mark")
        await here.then(customer, place)
        assert all(never_shown(customer, part) for part in ("éééé", "la vidéo", "le logiciel", "a.exe"))


@HTTP
async def test_forged_and_stale_requests_do_nothing(here: Here) -> None:
    async with here.case() as (customer, place):
        for number, how in enumerate(({"secret": "wrong"}, {"age": 400}, {"signature": "v0=" + "0" * 64})):
            event = {
                "type": "message", "channel": place[0], "user": "U0LEA", "text": "forgé",
                "ts": f"17000000{number}0.000100", "thread_ts": place[1],
            }  # fmt: skip
            body = json.dumps(
                {"type": "event_callback", "team_id": here.slack.workspace.team["id"], "event": event}
            )
            assert (await here.slack.http.post(body, **how)).status == 401
        await here.then(customer, place)
        assert never_shown(customer, "forgé")


# --- thinking again ------------------------------------------------------------------------------


@BOTH
async def test_what_is_taken_back_in_time_is_at_no_moment_seen_by_the_customer(here: Here) -> None:
    async with here.case() as (customer, place):
        gone = here.lea.post(place[0], "effacé à temps", thread_ts=place[1])
        here.lea.delete(place[0], gone)
        undone = here.lea.post(place[0], "annulé à temps", thread_ts=place[1])
        conversation = await conversation_of(here, place)
        value = packed(conversation, f"slack:{place[0]}:{undone}")
        offered = await until(
            lambda: next((one for one in here.lea.ephemerals() if value in json.dumps(one)), None), "Undo"
        )
        await here.lea.press_ephemeral(offered["ts"], "undo")
        await until(
            lambda: "leftwards_arrow_with_hook" in reactions(here.at((place[0], undone))),
            "it is shown as taken back",
        )
        await here.then(customer, place)
        assert never_shown(customer, "à temps")


@SOCKET
async def test_what_did_not_arrive_is_said_and_sent_again_once(here: Here) -> None:
    here.telegram.says("un humain svp, ici Tania.")
    place = await here.card("ici Tania.")
    await here.lea.press(*place, "claim")
    await until(lambda: any("Léa" in text for text in here.telegram.sent), "Tania is told", 30)
    here.telegram.blocked = True
    mine = here.lea.post(place[0], "vous m'entendez ?", thread_ts=place[1])
    warning = await here.shows(place, say("desk.why_blocked", "fr"), 30)
    await until(lambda: "warning" in reactions(here.at((place[0], mine))), "a mark")
    here.telegram.blocked = False
    for _ in range(2):
        await here.lea.press(place[0], warning["ts"], "resend")
    await until(lambda: "vous m'entendez ?" in here.telegram.sent, "it arrives", 30)
    await until(lambda: "white_check_mark" in reactions(here.at((place[0], mine))), "a tick")
    await until(lambda: "warning" not in reactions(here.at((place[0], mine))), "no more warning")
    assert "resend" not in actions(here.at((place[0], warning["ts"])))
    here.lea.post(place[0], "et maintenant ?", thread_ts=place[1])
    await until(lambda: "et maintenant ?" in here.telegram.sent, "the next one", 30)
    assert here.telegram.sent.count("vous m'entendez ?") == 1


# --- other teams ---------------------------------------------------------------------------------


async def transferred(here: Here, place: Place, team: str) -> None:
    await here.lea.press(*place, "transfer")
    form = await here.form(here.lea)
    await here.lea.submit(form["id"], {"team": team, "note": "à voir chez vous"})


@SOCKET
async def test_passed_on_to_another_team_the_thread_stays_and_a_pointer_claims_it(here: Here) -> None:
    async with here.case() as (customer, place):
        await transferred(here, place, "beauty")
        pointer = await until(lambda: next(iter(cards(here.slack, STRICT)), None), "a pointer", 30)
        assert "claim" in actions(pointer)
        assert place[1].replace(".", "") in json.dumps(pointer)  # a link to the thread
        await here.omar.press(STRICT, pointer["ts"], "claim")
        await customer.hears("Omar", seconds=30)
        await until(lambda: "Omar" in words(here.at((STRICT, pointer["ts"]))), "the pointer follows")
        # That team is strict: what is written plainly stays inside.
        here.omar.post(place[0], "between us", thread_ts=place[1])
        await here.told(here.omar, say("acts.strict", "en"), place)
        line = await here.bot.chat_postMessage(
            channel=place[0], thread_ts=place[1], text="?",
            blocks=[{"type": "actions", "elements": [reply_button(await conversation_of(here, place))]}],
        )  # fmt: skip
        await here.omar.press(place[0], line["ts"], "reply")
        form = await here.form(here.omar)
        await here.omar.submit(form["id"], {"text": "By the button."})
        await customer.hears("By the button.", author="agent", seconds=30)
        assert never_shown(customer, "between us")
        assert never_shown(customer, "à voir chez vous")


@SOCKET
async def test_a_team_that_pushes_gives_it_to_who_is_there(here: Here) -> None:
    async with here.case() as (customer, place):
        await transferred(here, place, "shop")
        await customer.hears("Omar", seconds=40)
        await here.shows(place, "<@U0OMAR>")
        await here.then(customer, place, here.omar)


@SOCKET
async def test_out_of_hours_the_customer_and_the_card_say_when_the_team_is_back(here: Here) -> None:
    async with here.case() as (customer, place):
        await transferred(here, place, "safety")
        away = tomllib.loads((ROOT / "config/replies/fr.toml").read_text())["hours"]["closed"].split(
            "{back}", 1
        )[0]
        await customer.hears(away, seconds=30)
        part = say("desk.back_at", "fr", at="@").split("@", 1)[0]
        await until(lambda: part in words(here.at(place)), "the card says it", 30)
        assert "claim" in actions(here.at(place))


# --- what is seldom done -------------------------------------------------------------------------


async def chosen(here: Here, place: Place, act: str) -> dict[str, Any]:
    before = here.lea.opened_views()[-1:]
    value = packed(act, await conversation_of(here, place))
    await here.lea.choose(*place, "more", value)
    return await here.form(here.lea, before[0]["id"] if before else "")


@SOCKET
async def test_a_snooze_is_shown_and_ends_when_the_customer_writes(here: Here) -> None:
    async with here.case() as (customer, place):
        form = await chosen(here, place, "snooze")
        await here.lea.submit(form["id"], {"when": "hour"})
        await until(lambda: ":zzz:" in words(here.at(place)), "it is shown", 20)
        await customer.says("finalement si, j'attends !")
        await until(lambda: ":zzz:" not in words(here.at(place)), "it is over", 20)


@SOCKET
async def test_spam_is_closed_without_a_word(here: Here) -> None:
    async with here.case() as (customer, place):
        before = customer.texts()
        form = await chosen(here, place, "spam")
        await here.lea.submit(form["id"])
        await here.shows(place, say("desk.outcome_spam", "fr"))
        assert customer.texts() == before


@SOCKET
async def test_while_waiting_a_marked_question_is_answered_and_the_place_is_kept(here: Here) -> None:
    async with here.case(claimed=False) as (customer, place):
        await customer.says("quel est le délai de livraison ?")
        await customer.hears("jours ouvrés", author="bot")
        await here.shows(place, "délai de livraison")
        assert "claim" in actions(here.at(place))


# --- Slack itself --------------------------------------------------------------------------------


def moved(here: Here, name: str, lost: str) -> Callable[[], Place | None]:
    def found() -> Place | None:
        places = (
            (channel, card["ts"])
            for channel in CARE
            if channel != lost and not here.slack.channel(channel).is_deleted
            for card in cards(here.slack, channel)
            if name in words(card)
        )
        return next(places, None)

    return found


@SOCKET
@pytest.mark.parametrize("misfortune", ["remove_bot", "delete_channel"])
async def test_a_conversation_whose_channel_is_lost_goes_on_elsewhere(here: Here, misfortune: str) -> None:
    async with here.case() as (customer, place):
        getattr(here.slack, misfortune)(place[0])
        await customer.says("vous êtes toujours là ?")
        new = await until(moved(here, f"ici {customer.name}.", place[0]), "a new thread", 30)
        await here.shows(new, "vous êtes toujours là ?", 20)
        await here.then(customer, new)
        admin = here.slack.user("U0ADMIN")
        await until(lambda: any(place[0] in words(one) for one in admin.dms()), "the admin is told", 20)


@SOCKET
async def test_what_a_customer_says_while_the_token_is_refused_is_shown_once_it_is_back(here: Here) -> None:
    """The sender tries again after a minute."""
    async with here.case() as (customer, place):
        here.slack.revoke_token()
        await customer.says("dit sans jeton")
        await until(lambda: refusals(here, "chat.postMessage"), "it was tried", 30)
        here.slack.restore_tokens()
        await here.shows(place, "dit sans jeton", 100)


@BOTH
async def test_what_agents_write_while_the_token_is_refused_arrives_once_it_is_back(here: Here) -> None:
    """Slack never tells of it. (The last test: the sender may wait for a minute after it.)"""
    async with here.case() as (customer, place):
        await here.then(customer, place)
        here.slack.revoke_token()
        here.lea.post(place[0], "écrit sans jeton", thread_ts=place[1])
        await until(lambda: refusals(here, "auth.test"), "it was noticed", 30)
        assert never_shown(customer, "écrit sans jeton")
        here.slack.restore_tokens()
        await customer.hears("écrit sans jeton", author="agent", seconds=40)
        await here.then(customer, place)
        assert customer.texts("agent").count("écrit sans jeton") == 1


def refusals(here: Here, method: str) -> bool:
    return any(call.error == "token_revoked" for call in here.slack.calls_of(method))
