"""What follows "mot de passe" or "password".

"My password is hunter2" must lose its last word; "I forgot my password" and "password reset
please" must lose nothing. So how a value was announced decides what is taken for one: after a
colon or a verb, any word that is not a common word in that place; without either, only what
looks like a secret (a digit, a symbol, odd capitals).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST_SECRET = 128
NAMES = 2_000
"""A text that names a password more often is no message: from there on, what follows is masked."""

_MORE_TOKENS = 3

_KEYWORD = re.compile(
    r"""
    (?:(?<![^\W_])(?:
        mots?[\s_.-]{0,2}(?:de|d|2)?[\s_.'’-]{0,2}passe?s?
        | mdp | pwd | passwd | passe?phrase | pass[\s_-]?codes? | pass[ ]words?
        | code[ ](?:secret|confidentiel|pin) | pin[ ]code | secret[ ]code
    ) | passwords? )
    (?P<suffix>[\s_-]?\d{1,2}(?=[\s:=]))?
    (?![^\W\d_])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SHORT_KEYWORD = re.compile(
    r"(?<![^\W_])(?P<word>pass|pw|pin|cvv2?|cvc2?|cryptogramme(?:[ ]visuel)?|security[ ]code)(?![^\W_])",
    re.IGNORECASE,
)
_SHORT_VALUE = re.compile(
    r"\s{0,3}+(?:(?:est|is|c['’]est)\s{1,3}+|[:=]\s{0,3}+)?([0-9]{3,8})(?![^\W_])", re.IGNORECASE
)
_PASS_VALUE = re.compile(r"\s{0,2}+[:=]\s{0,3}+([^\s\"'«»“”<>]{1,128})")

_FILLER = re.compile(
    r"""(?:[\s"'’*_()\[\]«»“”-]{1,3}+(?:
        d|de|du|des|le|la|les|l|mon|ma|mes|notre|votre|ton|pour|sur|ce|ici|que|qui|j|je|utilise|
        for|of|the|my|our|your|on|this|here|that|i|use|used|to|
        compte|account|site|web|website|app|application|appli|boutique|shop|store|client|espace|profil|profile|
        actuel|nouveau|ancien|provisoire|temporaire|temp|current|new|old|temporary|default|wifi|wi-fi|
        suivant|following|svp|please|utilisé|used|login|connexion|user|utilisateur|
        [\w.+-]{1,64}+@[\w.-]{1,64}+
    )(?![^\W_])){1,6}+""",
    re.VERBOSE | re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"""(?:
        ['’]s (?=[\s:=])
        | [\s"'’”»*_)\]]{0,4}+ (?: :=? | = | [-=]{1,2}> | → )
        | [\s"'’”»*_)\],]{0,4}+ (?<![^\W_])
            (?: c['’´`\s]?\s?(?:est|était|etait) | est | était | etait | sont | sera
              | it['’]?s | is | was | are )
            (?=[\s:=]) (?:\s{1,3}+(?:bien|toujours|donc|now|still|just|actually)(?=\s))?
    ){1,3}+""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(
    r"\s{0,4}+(?:\"([^\"\n]{1,128})\"|'([^'\n]{1,128})'|«([^»\n]{1,128})»|“([^”\n]{1,128})”|`([^`\n]{1,128})`)"
)
_TOKEN = re.compile(r"[\s\"'«“‘(*`]{0,4}+([^\s\"«»“”<>]{1,128})")
_NEXT_TOKEN = re.compile(r"[ ]([^\s\"«»“”<>]{1,128})")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32}){1,4}")
_TRAILING = ".,;:?)]}…'’`*"

_COMMON = frozenset(
    """
    a à ai ait an and any après as at au aucun aussi aux avec avoir be because been but by ça car ce ceci
    cela cependant ces cet cette chez comment comme correct correcte could d' dans de depuis des do does
    doit donc du elle en encore enfin et être faut for forgotten from get go got had has have help here how
    i i'm if il in inconnu into invalid invalide is it its j'ai jamais je juste l' la là le les leur lost
    m'a mais mal mauvais me mes moi mon my n'a n'est ne never no non nope not nul of ok on only or ou où oui
    par parce pareil pas perdu perdue please plus pour pourquoi pourtant qu'il quand que quel quelle quels
    qui quoi sa same sans se ses si so son still sur svp s'il toujours than thanks that the their then there
    they this to too tout très trop un une unknown until up via vous vraiment was we what when where which
    why will with without working wrong yes you your yours admin-only bad blocked bloque bloqué bon bonne
    broken case changed change changé chaque compromis compromise compromised confidential confidentiel
    court deleted difficile difficult disabled différent different effacé empty encrypted erroné error
    erreur exact exposed expire expired expiré failed failing fails faible faux fine forgot fort good hacked
    hidden ignored impossible inactif incorrect incorrecte inchangé known leaked locked long longer masqué
    missing needed nécessaire nécessaires obligatoire obligatoires optional oublie oublié oubliée oublier
    perdus pending personnel piraté possible private protected public rejected rejeté refused refusé
    required requis reset resetting réinitialisé right safe saved secret secure secured sensible sent short
    simple stolen strong sécurisé unavailable unsafe updated use useless valable valid valide vide visible
    volé weak réinitialiser reinitialiser réinitialisation reinitialisation changer modifier recovery
    problem problème probleme issue marche fonctionne passe support question demande merci bonjour hello
    bonsoir urgent compte account email mail e-mail login link lien page site form formulaire option button
    bouton assistance aide
    """.split()  # noqa: SIM905 - a hundred quotes read worse
)
"""Words that follow a password's name in an ordinary sentence, in French and English."""


def mask_passwords(text: str, marker: str, markers: Iterable[str]) -> str:
    """The text with what follows a password's name replaced by ``marker``.

    ``markers`` are left as they are. Linear: each name looks a bounded way ahead.
    """
    known = tuple(markers)
    parts: list[str] = []
    end = 0
    for count, name in enumerate(_KEYWORD.finditer(text)):
        if name.start() < end:
            continue
        span = _value(text, name.end(), known) if count < NAMES else _next_word(text, name.end())
        if span:
            parts += (text[end : span[0]], marker)
            end = span[1]
    text = "".join((*parts, text[end:]))
    return _mask_short(text, marker)


def is_password_key(key: str) -> bool:
    """Whether a JSON key names a password."""
    return _KEYWORD.search(key) is not None


def _mask_short(text: str, marker: str) -> str:
    """Names that mean other things too: only with digits behind, or with a colon."""
    parts: list[str] = []
    end = 0
    for name in _SHORT_KEYWORD.finditer(text):
        numeric = name["word"].lower() not in ("pass", "pw")
        value = (_SHORT_VALUE if numeric else _PASS_VALUE).match(text, name.end())
        if value and name.start() >= end and not value[1].startswith("["):
            parts += (text[end : value.start(1)], marker)
            end = value.end(1)
    return "".join((*parts, text[end:]))


def _value(text: str, position: int, markers: tuple[str, ...]) -> tuple[int, int] | None:
    """Where the secret is that a name ending at ``position`` announces, if it does."""
    filler = _FILLER.match(text, position)
    for after in {filler.end() if filler else position, position}:
        announced = _ANNOUNCED.match(text, after)
        if announced:
            return _announced_value(text, announced.end(), markers)
    token = _TOKEN.match(text, position)
    if token is None or text.startswith(markers, token.start(1)):
        return None
    start, stop = _trimmed(token)
    broken_line = "\n" in text[position:start]
    if not looks_secret(text[start:stop]) or (broken_line and _is_order_number(text[start:stop])):
        return None
    return start, _with_more(text, stop)


def _announced_value(text: str, position: int, markers: tuple[str, ...]) -> tuple[int, int] | None:
    quoted = _QUOTED.match(text, position)
    if quoted and quoted.lastindex:
        span = quoted.span(quoted.lastindex)
        return None if text.startswith(markers, span[0]) else span
    token = _TOKEN.match(text, position)
    if token is None or text.startswith(markers, token.start(1)):
        return None
    start, stop = _trimmed(token)
    word = text[start:stop]
    if not word or _is_common(word) or _EMAIL.fullmatch(word):
        return None
    return start, _with_more(text, stop)


def _next_word(text: str, position: int) -> tuple[int, int] | None:
    token = _TOKEN.match(text, position)
    return token.span(1) if token else None


def _trimmed(token: re.Match[str]) -> tuple[int, int]:
    word = token[1].rstrip(_TRAILING)
    return token.start(1), token.start(1) + len(word)


def _with_more(text: str, stop: int) -> int:
    """A secret of several words goes on while the next word looks like one too."""
    for _ in range(_MORE_TOKENS):
        following = _NEXT_TOKEN.match(text, stop)
        if following is None:
            break
        word = following[1].rstrip(_TRAILING)
        if _is_order_number(word) or not (looks_secret(word) or word.isdecimal()):
            break
        stop = following.start(1) + len(word)
    return stop


def _is_common(word: str) -> bool:
    lower = word.lower().replace("’", "'")
    if lower in _COMMON or not any(character.isalnum() for character in word):
        return True
    elided = lower.split("'")[-1]
    return elided in _COMMON or (lower.isalpha() and lower.endswith(("é", "ée", "és", "ées")))


def _is_order_number(word: str) -> bool:
    return len(word) == 7 and word.isdecimal()


def looks_secret(word: str) -> bool:
    """Whether a word alone looks like a secret: digits among letters, four digits or more, a
    symbol inside, or capitals where no word has them."""
    if len(word) < 4 or _EMAIL.fullmatch(word):
        return False
    if word.isdecimal():
        return True
    if word.lower() in _COMMON_SECRETS:
        return True
    letters = sum(character.isalpha() for character in word)
    digits = any(character.isdecimal() for character in word)
    symbols = any(character in "!@#$%^&*_+=|\\~§€£" for character in word)
    odd_capitals = word.isalpha() and not (word.islower() or word.isupper() or word.istitle())
    return bool((digits and letters) or (letters and symbols) or odd_capitals)


_COMMON_SECRETS = frozenset(
    {"azerty", "azertyuiop", "qwerty", "qwertyuiop", "qwertz", "letmein", "iloveyou", "abracadabra"}
)
