"""The chat page, its script and style, the script to embed it, and the privacy notice."""

from __future__ import annotations

import gzip
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.channels.web.texts import language_of
from bot.domain.errors import ConfigurationError

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}")
STATIC = files("bot.channels.web") / "static"
DARK, LIGHT = "#16130f", "#ffffff"
PRIVACY_TITLES = {"fr": "Confidentialité", "en": "Privacy"}


@dataclass(frozen=True, slots=True)
class Look:
    """How the page presents itself.

    Args:
        brand: the name shown.
        accent: ``#rrggbb``.
        frame_ancestors: origins of the sites that may embed the page; empty for any.
        privacy: the notice by language; ``## `` begins a heading, ``- `` a list item.

    Raises:
        ConfigurationError: the colour is not one, or a language of the notice is missing.
    """

    brand: str
    accent: str
    frame_ancestors: tuple[str, ...]
    privacy: Mapping[str, str]

    def __post_init__(self) -> None:
        if not COLOUR.fullmatch(self.accent):
            raise ConfigurationError(f"The accent colour {self.accent!r} is not of the form #rrggbb.")
        missing = [language for language in PRIVACY_TITLES if not self.privacy.get(language, "").strip()]
        if missing:
            raise ConfigurationError(f"The privacy notice has no text in: {', '.join(missing)}.")


class Pages:
    """Static routes. Everything is rendered once, at start."""

    def __init__(self, look: Look) -> None:
        self._look = look
        brand = html.escape(look.brand)
        self._page = _asset("chat.html").replace("{{brand}}", brand)
        style = _asset("chat.css").replace("{{accent}}", look.accent)
        self._style = style.replace("{{on-accent}}", readable_on(look.accent))
        self._script = _asset("chat.js")
        embed = _asset("guichet.js").replace("{{accent}}", look.accent)
        self._embed = embed.replace("{{on-accent}}", readable_on(look.accent))
        self._privacy = {
            language: _asset("privacy.html")
            .replace("{{lang}}", language)
            .replace("{{title}}", PRIVACY_TITLES[language])
            .replace("{{brand}}", brand)
            .replace("{{text}}", notice_html(text))
            for language, text in look.privacy.items()
        }

    async def page(self, request: Request) -> Response:
        """``GET /chat``."""
        return self._answer(request, self._page, "text/html")

    async def script(self, request: Request) -> Response:
        """``GET /chat/chat.js``."""
        return self._answer(request, self._script, "text/javascript")

    async def style(self, request: Request) -> Response:
        """``GET /chat/chat.css``."""
        return self._answer(request, self._style, "text/css")

    async def embed(self, request: Request) -> Response:
        """``GET /chat/guichet.js``: the script other sites load."""
        return self._answer(request, self._embed, "text/javascript", shared=True)

    async def privacy(self, request: Request) -> Response:
        """``GET /chat/privacy?lang=fr|en``."""
        wanted = request.query_params.get("lang")
        language = language_of(wanted, request.headers.get("accept-language", ""))
        return self._answer(request, self._privacy[language], "text/html")

    def _answer(self, request: Request, body: str, mime: str, *, shared: bool = False) -> Response:
        tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:20]}"'
        headers = {
            "ETag": tag,
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "cross-origin" if shared else "same-origin",
        }
        if mime == "text/html":
            headers["Content-Security-Policy"] = self._policy(request.headers.get("host", ""))
            headers["X-Robots-Tag"] = "noindex"
            headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        content = body.encode()
        if "gzip" in request.headers.get("accept-encoding", ""):
            content = gzip.compress(content, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(content, media_type=mime, headers={**headers, "Vary": "Accept-Encoding"})

    def _policy(self, host: str) -> str:
        sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
        framers = " ".join(("'self'", *self._look.frame_ancestors)) if self._look.frame_ancestors else "*"
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            f"connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors {framers}"
        )


def readable_on(colour: str) -> str:
    """Near-black or white, whichever reads better on that colour (WCAG relative luminance)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return LIGHT if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.056 else DARK


def notice_html(text: str) -> str:
    """Paragraphs, ``## `` headings and ``- `` items as HTML; everything else is shown as written."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [html.escape(line.strip()) for line in block.splitlines()]
        if lines[0].startswith("## "):
            blocks.append(f"<h2>{lines[0][3:]}</h2>")
            lines = lines[1:]
        if lines and all(line.startswith("- ") for line in lines):
            blocks.append("<ul>" + "".join(f"<li>{line[2:]}</li>" for line in lines) + "</ul>")
        elif lines:
            blocks.append(f"<p>{' '.join(lines)}</p>")
    return "\n".join(blocks)


def same_origin(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """Whether a browser page of that origin may talk to us. Programs send no Origin, and may.

    Ours is whatever host the request came to, on either scheme: a proxy may end TLS before us.
    """
    if origin is None:
        return True
    if origin.rstrip("/").lower() in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:  # "http://[" and the like
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()


def origins(given: Sequence[str]) -> frozenset[str]:
    """Origins as browsers write them.

    Raises:
        ConfigurationError: one is not ``scheme://host[:port]``.
    """
    for origin in given:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not HOST.fullmatch(parts.netloc) or parts.path.strip("/"):
            raise ConfigurationError(f"{origin!r} is not an origin such as https://www.example.com.")
    return frozenset(origin.rstrip("/").lower() for origin in given)


def _asset(name: str) -> str:
    """A static file, without the whitespace and comment lines that only its authors need."""
    lines = (line.strip() for line in (STATIC / name).read_text(encoding="utf-8").splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("//"))
    return re.sub(r"\s*([{};,])\s*", r"\1", text).replace(": ", ":") if name.endswith(".css") else text
