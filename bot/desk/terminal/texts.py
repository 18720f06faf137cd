"""What an agent reads at the terminal, in French and in English."""

from __future__ import annotations

import os
from collections.abc import Mapping

LANGUAGES = ("fr", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    # listing
    "list.empty": ("Personne n'attend.", "Nobody is waiting."),
    "list.empty_closed": ("Aucune conversation terminée.", "No conversation has ended."),
    "list.number": ("N°", "No"),
    "list.since": ("Depuis", "Since"),
    "list.customer": ("Client", "Customer"),
    "list.reason": ("Motif", "Reason"),
    "list.team": ("Équipe", "Team"),
    "list.state": ("État", "State"),
    "list.last": ("Le client a écrit", "The customer wrote"),
    "urgent": ("URGENT", "URGENT"),
    "unnamed": ("visiteur", "visitor"),
    # states and reasons
    "state.waiting": ("en attente", "waiting"),
    "state.claimed": ("pris par {name}", "taken by {name}"),
    "state.mine": ("à vous", "yours"),
    "state.taking": ("{name} prend la main…", "{name} is taking it…"),
    "state.taking_mine": ("presque à vous, le bot se tait…", "nearly yours, the bot falls silent…"),
    "level.due_soon": ("à répondre bientôt", "due soon"),
    "level.overdue": ("EN RETARD", "OVERDUE"),
    "state.released": ("rendu au bot", "back with the bot"),
    "state.closed": ("terminé", "closed"),
    "reason.asked": ("demande une personne", "asked for a person"),
    "reason.unsure": ("le bot n'a pas compris", "the bot was unsure"),
    "reason.complaint": ("réclamation", "complaint"),
    "reason.protected": ("sujet protégé", "protected topic"),
    "reason.bot_down": ("bot en panne", "bot down"),
    "reason.attachment": ("fichier reçu", "file received"),
    "reason.error": ("erreur du bot", "bot error"),
    "reason.agent": ("reprise par un agent", "an agent stepped in"),
    # one case
    "case.title": (
        "N° {number} · {name} · {channel} · {language}",
        "No {number} · {name} · {channel} · {language}",
    ),
    "case.reopened": ("rouvert {count} fois", "reopened {count} time(s)"),
    "case.guesses": ("Le bot penche pour : {guesses}", "The bot's guesses: {guesses}"),
    "line.note": ("note interne", "internal note"),
    "line.edited": ("modifié", "edited"),
    "line.deleted": ("message supprimé", "message deleted"),
    "line.file": ("fichier : {name} ({mime}, {size})", "file: {name} ({mime}, {size})"),
    "author.customer": ("client", "customer"),
    "author.bot": ("bot", "bot"),
    "author.agent": ("agent", "agent"),
    "author.system": ("système", "system"),
    "fate.delivered": ("✓ envoyé", "✓ sent"),
    "fate.maybe_duplicate": ("✓ envoyé, peut-être deux fois", "✓ sent, maybe twice"),
    "fate.seen": ("✓✓ vu", "✓✓ seen"),
    "fate.dropped": ("! non envoyé : {detail}", "! not sent: {detail}"),
    "fate.failed": ("! échec : {detail}", "! failed: {detail}"),
    "fate.unchanged": ("! modification refusée : {detail}", "! change refused: {detail}"),
    "fate.unknown": ("… en route", "… on its way"),
    "fate.no_detail": ("raison inconnue", "reason unknown"),
    "detail.held": (
        "retenu, un collègue s'en occupe ou la conversation est terminée",
        "held, a colleague is on it or the conversation is over",
    ),
    # what was done
    "done.take": ("Le n° {number} est à vous.", "No {number} is yours."),
    "done.taking": (
        "Le n° {number} est pris en votre nom ; le bot finit ce qu'il disait.",
        "No {number} is claimed in your name; the bot is finishing what it was saying.",
    ),
    "done.note": ("Note enregistrée. Le client ne la voit pas.", "Note kept. The customer does not see it."),
    "done.transfer": (
        "Transfert du n° {number} à l'équipe {team} demandé.",
        "Asked to transfer no {number} to team {team}.",
    ),
    "done.release": ("Le n° {number} retourne au bot.", "No {number} goes back to the bot."),
    "done.resolve": ("Le n° {number} est résolu.", "No {number} is resolved."),
    # what was not
    "problem.no_such_case": (
        "Aucune conversation ne porte ce numéro.",
        "There is no conversation with that number.",
    ),
    "problem.ambiguous": (
        "Plusieurs conversations commencent ainsi : donnez le numéro de la liste.",
        "Several conversations begin like that: give the number from the list.",
    ),
    "problem.over": (
        "Cette conversation est terminée ou rendue au bot.",
        "This conversation is over, or back with the bot.",
    ),
    "problem.held": (
        "Retenu : {name} s'en occupe. « take! » (ou « take --take-over ») pour reprendre la main.",
        "Held: {name} is on it. Use “take!” (or “take --take-over”) to take over.",
    ),
    "problem.unconfirmed": (
        "Pas encore confirmé : Guichet tourne-t-il ? (guichet status)",
        "Not confirmed yet: is Guichet running? (guichet status)",
    ),
    "problem.empty": ("Il n'y a rien à envoyer.", "There is nothing to send."),
    "problem.too_long": (
        "Trop long : {limit} caractères au plus.",
        "Too long: {limit} characters at most.",
    ),
    "problem.bad_team": (
        "Ce n'est pas un nom d'équipe (minuscules, chiffres, tirets).",
        "That is no name of a team (lower-case letters, digits, dashes).",
    ),
    "problem.unavailable": (
        "Rien n'est fait : le stockage ne répond pas. Réessayez.",
        "Nothing was done: the store does not answer. Try again.",
    ),
    # the session
    "session.hello": (
        "Vous êtes {name}. Tapez « help » pour l'aide.",
        "You are {name}. Type “help” for help.",
    ),
    "problem.no_case_open": (
        "Prenez d'abord une conversation : « take 1 ».",
        "Take a conversation first: “take 1”.",
    ),
    "session.unknown": ("Commande inconnue. « help » pour l'aide.", "Unknown command. “help” for help."),
    "session.new_case": ("Nouveau : n° {number}, {name} ({reason})", "New: no {number}, {name} ({reason})"),
    "session.over": ("Le n° {number} est {state}.", "No {number} is {state}."),
    "session.bye": ("À bientôt.", "Goodbye."),
    "session.help": (
        "list                les conversations en attente\n"
        "take N              prendre une conversation ; « take! N » la reprend à un collègue\n"
        "du texte            répondre au client\n"
        "note: du texte      note interne, jamais envoyée\n"
        "show                toute la conversation\n"
        "transfer ÉQUIPE     confier à une autre équipe\n"
        "release             rendre au bot\n"
        "resolve             terminer\n"
        "leave               fermer la conversation à l'écran, sans rien changer\n"
        "quit                sortir\n"
        "Chaque commande s'écrit aussi « /commande » ; « //texte » envoie le texte tel quel.",
        "list                who is waiting\n"
        "take N              take a conversation; “take! N” takes it from a colleague\n"
        "any text            reply to the customer\n"
        "note: any text      internal note, never sent\n"
        "show                the whole conversation\n"
        "transfer TEAM       hand over to another team\n"
        "release             give back to the bot\n"
        "resolve             done\n"
        "leave               close the conversation on screen, changing nothing\n"
        "quit                leave\n"
        "Each command may be written “/command”, too; “//text” sends the text as it is.",
    ),
    "session.fate": ("{fate} · {text}", "{fate} · {text}"),
    "session.numbered": ("N° {number}", "No {number}"),
    "watch.hello": (
        "En attente de nouveaux messages. Ctrl-C pour sortir.",
        "Waiting for news. Ctrl-C to leave.",
    ),
}


class Texts:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._column = LANGUAGES.index(self.language)

    def __call__(self, key: str, **values: object) -> str:
        """A text, with its values filled in."""
        return _TEXTS[key][self._column].format(**values)


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The language of the agent's terminal: French where the locale says so, else English."""
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "fr" if locale.lower().startswith("fr") else "en"
