"""The chat page in a real browser, over a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from bot.domain.chat import Speaker
from bot.domain.events import (
    ButtonPress,
    CustomerCommand,
    CustomerDelete,
    CustomerEdit,
    CustomerMessage,
    Receipt,
)
from bot.domain.message import Author
from bot.storage.transcripts import RedisTranscripts
from tests.conftest import CHROMIUM
from tests.integration.web.house import Setting, listening, make_setting, serving, until

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(locale="fr-FR", viewport={"width": 390, "height": 760})
    context.set_default_timeout(8_000)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext, web: Setting) -> AsyncIterator[Page]:
    """The chat page; anything it complains of on its console fails the test."""
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await page.goto(f"{web.url}/chat")
    yield page
    expected = ("WebSocket", "ERR_CONNECTION", "415")
    assert [one for one in complaints if not any(word in one for word in expected)] == []


async def session_of(page: Page) -> str:
    await page.wait_for_function("localStorage.getItem('guichet.session')")
    return str(await page.evaluate("localStorage.getItem('guichet.session')"))


async def ask(page: Page, text: str) -> None:
    await page.get_by_role("textbox").fill(text)
    await page.get_by_role("textbox").press("Enter")


async def bubbles(page: Page) -> list[tuple[str, str]]:
    return [
        (str(await line.evaluate("e => e.classList[1]")), await line.locator(".bubble").inner_text())
        for line in await page.locator(".line").all()
    ]


async def test_a_question_in_french_is_answered_and_is_there_after_a_reload(page: Page) -> None:
    await ask(page, "où est mon colis ?")
    await expect(page.get_by_text("« où est mon colis ? »")).to_be_visible()
    await expect(page.get_by_text("Envoyé")).to_be_visible()
    told = await bubbles(page)
    await page.reload()
    await expect(page.get_by_text("« où est mon colis ? »")).to_be_visible()
    assert (
        await bubbles(page)
        == told
        == [
            ("customer", "où est mon colis ?"),
            ("bot", "« où est mon colis ? »"),
        ]
    )


async def test_nothing_is_stored_and_nothing_connects_before_the_visitor_begins(
    page: Page, web: Setting
) -> None:
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert web.server.service.sockets == 0
    await expect(page.get_by_role("link", name="Confidentialité").first).to_be_visible()
    await page.get_by_role("textbox").focus()
    await session_of(page)


async def test_a_cut_connection_loses_nothing_and_doubles_nothing(
    page: Page, web: Setting, transcripts: RedisTranscripts
) -> None:
    await ask(page, "un")
    await expect(page.get_by_text("« un »")).to_be_visible()
    chat = web.chat(await session_of(page))
    await web.server.__aexit__()
    await ask(page, "deux")
    await expect(page.get_by_text("Envoi…")).to_be_visible()
    await web.bot.say(chat, "pendant la coupure", author=Author.AGENT, author_name="Léa")
    again = make_setting(transcripts, bot=web.bot, port=web.server.port)
    async with again.server:
        await expect(page.get_by_text("« deux »")).to_be_visible(timeout=15_000)
        await expect(page.get_by_text("Envoi…")).to_have_count(0)
        assert await bubbles(page) == [
            ("customer", "un"),
            ("bot", "« un »"),
            ("agent", "pendant la coupure"),
            ("customer", "deux"),
            ("bot", "« deux »"),
        ]
        assert [event.text for event in web.bot.of(CustomerMessage)] == ["un", "deux"]
        await page.reload()
        await expect(page.get_by_text("« deux »")).to_be_visible()
        assert len(await bubbles(page)) == 5


async def test_what_was_not_acked_survives_a_reload(page: Page, web: Setting) -> None:
    await ask(page, "un")
    await expect(page.get_by_text("« un »")).to_be_visible()
    web.bot.down = True
    await ask(page, "deux")
    await expect(page.get_by_role("alert")).to_contain_text("Nouvel essai")
    await page.reload()
    await expect(page.get_by_text("deux", exact=True)).to_have_count(1)
    web.bot.down = False
    await expect(page.get_by_text("« deux »")).to_be_visible(timeout=10_000)
    assert [text for _who, text in await bubbles(page)] == ["un", "« un »", "deux", "« deux »"]


async def test_a_person_is_asked_for_with_the_keyboard_alone(page: Page, web: Setting) -> None:
    for _ in range(12):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "human":
            break
    await page.keyboard.press("Enter")
    await expect(page.locator(".line.customer .bubble")).to_have_text("Parler à une personne")
    await expect(page.get_by_text("/human")).to_be_visible()
    assert [event.command for event in web.bot.of(CustomerCommand)] == ["human"]


async def test_a_button_is_pressed_and_stays_said(page: Page, web: Setting) -> None:
    await ask(page, "un bouton svp")
    await page.get_by_role("button", name="Oui").click()
    await expect(page.locator(".line.customer .bubble").last).to_have_text("Oui")
    await expect(page.get_by_role("button", name="Oui")).to_have_count(0)
    assert [event.button for event in web.bot.of(ButtonPress)] == ["yes:x"]


async def test_a_message_is_changed_then_taken_back(page: Page, web: Setting) -> None:
    await ask(page, "bonjuor")
    await page.get_by_role("button", name="Modifier ou supprimer").click()
    await page.get_by_role("button", name="Modifier", exact=True).click()
    await ask(page, "bonjour")
    await expect(page.locator(".line.customer .bubble")).to_have_text("bonjour")
    await expect(page.get_by_text("modifié")).to_be_visible()
    assert [(event.text) for event in web.bot.of(CustomerEdit)] == ["bonjour"]
    await page.get_by_role("button", name="Modifier ou supprimer").click()
    await page.get_by_role("button", name="Supprimer", exact=True).click()
    await page.get_by_role("button", name="Confirmer").click()
    await expect(page.locator(".line.customer")).to_have_count(0)
    assert len(web.bot.of(CustomerDelete)) == 1


async def test_agents_are_named_and_their_corrections_shown(page: Page, web: Setting) -> None:
    await ask(page, "bonjour")
    chat = web.chat(await session_of(page))
    web.bot.speaker = Speaker.HUMAN
    message_id = await web.bot.say(chat, "voici", author=Author.AGENT, author_name="Léa")
    await expect(page.locator("#role")).to_have_text("Léa")
    await web.bot.edit(chat, message_id, "voilà")
    await expect(page.locator(".agent .bubble")).to_have_text("voilà")
    await web.bot.delete(chat, message_id)
    await expect(page.locator(".agent")).to_have_count(0)


async def test_text_is_only_ever_text_and_https_links_are_links(page: Page, web: Setting) -> None:
    await ask(page, "bonjour")
    chat = web.chat(await session_of(page))
    await web.bot.say(
        chat, "<img src=x onerror=alert(1)> javascript:alert(1) https://maison-alba.example/rdv."
    )
    await expect(page.get_by_text("<img src=x")).to_be_visible()
    assert await page.locator(".bubble img").count() == 0
    links = page.locator(".bubble a")
    assert await links.count() == 1
    assert await links.get_attribute("href") == "https://maison-alba.example/rdv"
    assert "noopener" in str(await links.get_attribute("rel"))


async def test_a_picture_is_sent_and_shown_again(page: Page, web: Setting, tmp_path: Path) -> None:
    picture = tmp_path / "photo.png"
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
            "0000000d49444154789c6360f8cfc00000030101005f9e9b8a0000000049454e44ae426082"
        )
    )
    await page.locator("#file").set_input_files(picture)
    await expect(page.get_by_text("photo.png · prêt")).to_be_visible()
    await ask(page, "voici la photo")
    await expect(page.get_by_text("« voici la photo »")).to_be_visible()
    [message] = web.bot.of(CustomerMessage)
    assert [(file.name, file.mime, file.stored) for file in message.attachments] == [
        ("photo.png", "image/png", True)
    ]
    await page.reload()
    await expect(page.get_by_role("img", name="photo.png")).to_be_visible()


async def test_a_refused_file_says_why_and_does_not_block(page: Page, web: Setting, tmp_path: Path) -> None:
    (tmp_path / "virus.exe").write_bytes(b"MZ\x90\x00")
    await page.locator("#file").set_input_files(tmp_path / "virus.exe")
    await expect(page.get_by_text("n'est pas accepté")).to_be_visible()
    await ask(page, "tant pis")
    await expect(page.get_by_text("« tant pis »")).to_be_visible()


async def test_the_page_speaks_english_to_the_english_and_can_be_switched(
    browser: Browser, web: Setting
) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{web.url}/chat")
    await expect(page.get_by_role("button", name="Talk to a person")).to_be_visible()
    await page.get_by_role("button", name="Passer en français").click()
    await expect(page.get_by_role("button", name="Parler à une personne")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "fr"
    await context.close()


async def test_seeing_an_answer_is_noted_once(page: Page, web: Setting) -> None:
    await ask(page, "bonjour")
    await expect(page.get_by_text("« bonjour »")).to_be_visible()
    await until(lambda: web.bot.of(Receipt))
    await page.reload()
    await expect(page.get_by_text("« bonjour »")).to_be_visible()
    assert len(web.bot.of(Receipt)) == 1


async def test_one_script_tag_opens_the_chat_on_another_site(context: BrowserContext, web: Setting) -> None:
    shop = FastAPI()
    tag = f'<script src="{web.url}/chat/guichet.js" async></script>'
    shop.add_api_route("/", lambda: HTMLResponse(f'<html lang="fr"><h1>Boutique</h1>{tag}</html>'))
    async with serving(shop, listening()) as address:
        site = await context.new_page()
        await site.goto(address)
        await _open_chat_and_close_it(site)


async def _open_chat_and_close_it(site: Page) -> None:
    launcher = site.get_by_role("button", name="Ouvrir la discussion")
    await expect(launcher).to_be_visible()
    assert len(site.frames) == 1
    await launcher.click()
    chat = site.frame_locator("iframe")
    await chat.get_by_role("textbox").fill("bonjour")
    await chat.get_by_role("textbox").press("Enter")
    await expect(chat.get_by_text("« bonjour »")).to_be_visible()
    await chat.get_by_role("button", name="Fermer la discussion").click()
    await expect(site.locator("iframe")).to_be_hidden()
    await expect(launcher).to_be_focused()


async def test_a_link_from_an_email_opens_the_same_chat_elsewhere(
    page: Page, web: Setting, browser: Browser
) -> None:
    await ask(page, "bonjour")
    await expect(page.get_by_text("« bonjour »")).to_be_visible()
    chat = web.chat(await session_of(page))
    link = f"{web.url}/chat#resume={web.sessions.link(chat, datetime.now(UTC))}"
    elsewhere = await (await browser.new_context(locale="fr-FR")).new_page()
    await elsewhere.goto(link)
    await expect(elsewhere.get_by_text("« bonjour »")).to_be_visible()
    assert "resume" not in elsewhere.url
    await elsewhere.context.close()


async def test_every_control_has_a_name_and_text_can_be_read(page: Page) -> None:
    await ask(page, "un bouton svp")
    await expect(page.get_by_role("button", name="Oui")).to_be_visible()
    assert await page.evaluate(UNNAMED) == []
    assert await page.get_by_role("log").get_attribute("aria-live") is not None
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.wait_for_timeout(300)
        assert await page.evaluate(FAINT) == []


@pytest.mark.parametrize("width", [320, 768])
async def test_nothing_overflows_sideways(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 568})
    await ask(page, "mot" * 300)
    await expect(page.get_by_text("« mot")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(
        "document.querySelector('#log').scrollWidth <= document.querySelector('#log').clientWidth"
    )
    await expect(page.get_by_role("button", name="Parler à une personne")).to_be_in_viewport()


UNNAMED = """
[...document.querySelectorAll('button, a, textarea, img, input')]
  .filter((e) => e.checkVisibility() && e.getAttribute('aria-hidden') !== 'true')
  .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.alt || e.labels?.[0]?.textContent))
  .map((e) => e.outerHTML)
"""

FAINT = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const channel = (c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) =>
    .2126 * channel(r / 255) + .7152 * channel(g / 255) + .0722 * channel(b / 255);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const says = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.querySelectorAll('p, h1, h2, a, button, .bubble, .meta, span')]
    .filter((e) => e.checkVisibility() && says(e) && !e.classList.contains('sr'))
    .map((e) => [e.textContent, light(rgba(getComputedStyle(e).color)), light(behind(e))])
    .map(([text, a, b]) => [text, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)])
    .filter(([, ratio]) => ratio < 4.5);
})()"""
