"""What ``guichet`` says to whoever starts it, in their language."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language."""

    starting: str
    training: str
    ready: str
    running: str
    stopped: str
    nothing_runs: str


ENGLISH = Texts(
    starting="Starting Guichet.",
    training="training the bot on what it knows (about two minutes, once)",
    ready="""
Guichet is ready, after {seconds:.0f} s.

  The customer's chat page    {page}
  Answer those who wait       .venv/bin/guichet desk
  See what was logged         .venv/bin/guichet log export --format jsonl
  See what runs               .venv/bin/guichet status

Try: "où est mon colis ?" or "how do I return a cream?". Ctrl-C stops everything.
""",
    running="Guichet runs. Chat page: {page}",
    stopped="Everything is stopped.",
    nothing_runs="Nothing runs in {place}.",
)
FRENCH = Texts(
    starting="Démarrage de Guichet.",
    training="entraînement du bot sur ce qu'il sait (environ deux minutes, une seule fois)",
    ready="""
Guichet est prêt, en {seconds:.0f} s.

  La page de chat des clients           {page}
  Répondre à ceux qui attendent         .venv/bin/guichet desk
  Voir ce qui a été enregistré          .venv/bin/guichet log export --format jsonl
  Voir ce qui tourne                    .venv/bin/guichet status

Essayez : « où est mon colis ? » ou « how do I return a cream? ». Ctrl-C arrête tout.
""",
    running="Guichet tourne. Page de chat : {page}",
    stopped="Tout est arrêté.",
    nothing_runs="Rien ne tourne dans {place}.",
)


def spoken(environ: Mapping[str, str] = os.environ) -> str:
    """The language of the terminal: ``fr`` where the locale says so, else ``en``."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "fr" if locale.lower().startswith("fr") else "en"


def texts(environ: Mapping[str, str] = os.environ) -> Texts:
    """French for those whose terminal speaks French."""
    return FRENCH if spoken(environ) == "fr" else ENGLISH
