"""Telling French from English in a few words."""

from __future__ import annotations

import re
import unicodedata

from lingua import Language, LanguageDetectorBuilder

_CODES = {Language.FRENCH: "fr", Language.ENGLISH: "en"}
_NOT_WORDS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|[@#]\w+|\w*\d\w*|_+")
_MAY_HOLD_THEM = re.compile(r"[@#\d_]|://|www\.")
"""Without any of these there is nothing for the slow pattern above to find."""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_BOTH = _words(
    """
    ok okay oki no stop help info infos message service client clients mail email e sms bug site web
    menu top super cool wow hmm hum euh ah oh ha haha mdr lol maison alba test hello hey
    """
)
"""Words that the customers of a French shop write whatever their language."""
_FRENCH = _words(
    """
    je j tu il elle nous vous ils le les des du une est et ou où mon ma mes votre vos notre pour avec
    sans pas ne ce cette ces c qui que quand comment combien quel quelle quels quelles pourquoi bonjour
    bonsoir salut coucou merci svp stp slt bjr bsr mrc oui ouais jai ai avez avons suis êtes sont été
    fait faire dans sur chez depuis toujours commande colis livraison retour remboursement boutique
    magasin carte cadeau
    """
)
_ENGLISH = _words(
    """
    i im you he she we they the this that these is are was were my your our it its and for with without
    not don dont didn didnt what when where how which who why hi thanks thank thx please pls plz yes
    yeah have has had do does did can could would should in of to at from order parcel package delivery
    refund store gift card shipping
    """
)
"""Words of one of the languages only. A few of them settle what a model of letters gets wrong."""
_WORD = re.compile(r"[^\W\d_]+")
LOOKED_AT = 300
"""Characters: more changes nothing but the time it takes."""


class LinguaDetector:
    """The LanguageDetector port for French and English.

    Words that only one of the languages has decide; without them, or with some of each, the model
    does. ``certainty`` in [0.5, 1] is how probable the likelier language must be; below it, and for texts
    that are only emoji, numbers or words both languages share, the answer is None.
    """

    def __init__(self, *, certainty: float = 0.6, low_accuracy: bool = False) -> None:
        builder = LanguageDetectorBuilder.from_languages(*_CODES).with_preloaded_language_models()
        self._detector = (builder.with_low_accuracy_mode() if low_accuracy else builder).build()
        self._certainty = certainty

    def detect(self, text: str) -> str | None:
        """``fr``, ``en``, or None when the text does not tell."""
        telling = _telling(text[:LOOKED_AT])
        if not telling:
            return None
        voted = _vote(telling)
        if voted:
            return voted
        likeliest = self._detector.compute_language_confidence_values(telling)[0]
        return _CODES[likeliest.language] if likeliest.value >= self._certainty else None


def _telling(text: str) -> str:
    """The words that can tell a language; nothing when there are none."""
    text = unicodedata.normalize("NFC", text)
    words = _WORD.findall(_NOT_WORDS.sub(" ", text) if _MAY_HOLD_THEM.search(text) else text)
    if all(len(word) < 2 or word.lower() in _BOTH for word in words):
        return ""
    return " ".join(words)


def _vote(words: str) -> str | None:
    found = set(words.lower().split())
    french, english = len(found & _FRENCH), len(found & _ENGLISH)
    if french and not english:
        return "fr"
    if english and not french:
        return "en"
    return None
