"""What the web chat itself says to a visitor, in their language."""

from __future__ import annotations

ERRORS = {
    "fr": {
        "bad_frame": "Ce message n'a pas pu être lu.",
        "bad_session": "Cette conversation n'est plus accessible. Vous pouvez en commencer une nouvelle.",
        "empty": "Votre message est vide.",
        "hello_expected": "La connexion doit commencer par « hello ».",
        "rate_limited": "Vous écrivez très vite. Patientez quelques secondes, puis renvoyez votre message.",
        "too_large": "Ce fichier est trop volumineux ({limit} Mo au plus).",
        "too_long": "Votre message est trop long ({limit} caractères au plus). Rien n'a été envoyé.",
        "type_refused": "Ce fichier n'est pas accepté (images, sons, PDF, texte et bureautique le sont).",
        "unavailable": "Votre message n'a pas pu être enregistré. Nouvel essai dans un instant.",
        "unknown_file": "Le fichier joint n'a pas été retrouvé. Joignez-le à nouveau.",
        "unknown_message": "Ce message n'existe plus.",
        "unknown_type": "Ce type de message n'est pas connu.",
    },
    "en": {
        "bad_frame": "This message could not be read.",
        "bad_session": "This conversation can no longer be opened. You can start a new one.",
        "empty": "Your message is empty.",
        "hello_expected": "The connection must begin with “hello”.",
        "rate_limited": "You are writing very fast. Wait a few seconds, then send your message again.",
        "too_large": "This file is too large ({limit} MB at most).",
        "too_long": "Your message is too long ({limit} characters at most). Nothing was sent.",
        "type_refused": "This kind of file is not accepted. Images, sounds, PDF, text and office files are.",
        "unavailable": "Your message could not be stored. Trying again in a moment.",
        "unknown_file": "The attached file was not found. Attach it again.",
        "unknown_message": "This message no longer exists.",
        "unknown_type": "This kind of message is not known.",
    },
}

RESUME_SUBJECT = {
    "fr": "{brand} : votre conversation vous attend",
    "en": "{brand}: your conversation is waiting for you",
}

RESUME_BODY = {
    "fr": """Bonjour,

Une réponse vous attend dans votre conversation avec {brand}, comme vous nous l'aviez demandé.

Reprendre la conversation :
{link}

Ce lien est personnel et fonctionne pendant {hours} heures.
Ne le transmettez pas : il ouvre toute la conversation.
Votre adresse ne sert à rien d'autre. Si ce message ne vous concerne pas, ignorez-le.

{brand}
""",
    "en": """Hello,

An answer is waiting in your conversation with {brand}, and you asked us to let you know.

Resume the conversation:
{link}

This link is personal and works for {hours} hours.
Please do not pass it on: it opens the whole conversation.
Your address is used for nothing else. If this message is not for you, please ignore it.

{brand}
""",
}


def language_of(wanted: object, accepted: str = "") -> str:
    """``fr`` or ``en``: what was asked for, else the first one an ``Accept-Language`` names."""
    if isinstance(wanted, str) and wanted in ERRORS:
        return wanted
    named = [part.strip()[:2].lower() for part in accepted.split(",")]
    return next((name for name in named if name in ERRORS), "fr")


def error_text(code: str, language: str, *, limit: int | None = None) -> str:
    """What to show for an error code."""
    text = ERRORS[language][code]
    if limit is None:
        return text
    shown = f"{limit:,}".replace(",", " " if language == "fr" else ",")
    return text.format(limit=shown)
