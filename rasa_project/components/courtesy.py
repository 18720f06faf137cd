"""Courtesies around a question are not the question.

"Bonjour, où est mon colis ? Merci d'avance" asks where a parcel is. Left in, "bonjour" and "merci" pull
the message towards the small-talk intents. So the tokens of courtesies at the beginning and at the end
of a message are not featurized, in training and in parsing alike, unless nothing else would be left:
"bonjour" and "merci beaucoup" stay what they are. The text itself is untouched, so the offsets of
entities hold.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

# Written as folded by `fold`: lower case, no accents, apostrophes as spaces.
OPENINGS = """
    bonjour | bonsoir | rebonjour | salut | coucou | hello | hi | hey | bjr | bsr | slt | cc | cher
    chere | hiya | good morning | good afternoon | good evening | morning | evening | afternoon | hi there
    hey there | hello there | bonjour a vous | bonsoir a vous | bonjour a tous | bonjour a toute l equipe
    madame | monsieur | madame monsieur | messieurs | mesdames | team | maison alba | l equipe
    dear sir or madam | dear team | merci | merci beaucoup | merci bien | mrc | mci | thanks | thank you
    thank you very much | thx | ty | cheers | ok | okay | d accord | parfait | super | top | tres bien
    great | perfect | right | ok merci | all right | alright | excusez moi | pardon | desole | desolee
    excuse me | sorry | sorry to bother you | excusez moi de vous deranger | dites | dites moi | svp | stp
    please | pls
"""
CLOSINGS = """
    merci | merci beaucoup | merci bien | merci d avance | merci par avance | d avance merci
    en vous remerciant | merci a vous | mrc | mci | mrc d avance | merci bcp | merci de votre aide
    merci pour votre aide | merci pour votre reponse | merci de votre reponse | je vous remercie
    je vous remercie d avance | svp | stp | s il vous plait | s il te plait | sil vous plait
    sil vous plait merci | si vous plait | cordialement | bien cordialement | cdt | bien a vous
    bonne journee | bonne soiree | bon week end | bon weekend | bonne fin de journee | a bientot
    au revoir | salutations | sinceres salutations | thanks | thank you | thanks a lot | many thanks
    thanks in advance | thank you in advance | thx | ty | cheers | thanks so much | thank you so much
    thank you very much | thanks for your help | thank you for your help | please | pls | plz | plse
    regards | kind regards | best regards | best wishes | many thanks in advance | have a nice day
    have a good day | bye | goodbye | dear | love | madame | monsieur
"""


def fold(text: str) -> str:
    """Lower case, no accents, apostrophes and other punctuation as spaces."""
    plain = unicodedata.normalize("NFKD", text.lower())
    kept = (c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join("".join(kept).split())


def phrases(listed: str) -> frozenset[tuple[str, ...]]:
    """The phrases of a list written with bars and line ends, as words."""
    parts = (part for line in listed.splitlines() for part in line.split("|"))
    return frozenset(tuple(part.split()) for part in parts if part.strip())


OPENING_PHRASES = phrases(OPENINGS)
CLOSING_PHRASES = phrases(CLOSINGS)
LONGEST = max(len(phrase) for phrase in OPENING_PHRASES | CLOSING_PHRASES)


def beginning(tokens: list[Token], known: frozenset[tuple[str, ...]]) -> int:
    """How many of the first tokens are the longest phrase known, or one token without a word."""
    return _length([tuple(fold(token.text).split()) for token in tokens[:LONGEST]], known, at_end=False)


def without_courtesies(tokens: list[Token]) -> list[Token]:
    """The tokens between the courtesies; all of them when nothing else is there."""
    words = [tuple(fold(token.text).split()) for token in tokens]
    first, last = 0, len(tokens)
    while taken := _length(words[first : min(first + LONGEST, last)], OPENING_PHRASES, at_end=False):
        first += taken
    while taken := _length(words[max(first, last - LONGEST) : last], CLOSING_PHRASES, at_end=True):
        last -= taken
    return tokens[first:last] if any(words[first:last]) else tokens


def _length(words: list[tuple[str, ...]], known: frozenset[tuple[str, ...]], *, at_end: bool) -> int:
    """How many tokens at that end are the longest courtesy known, or a token without a word."""
    for count in range(min(LONGEST, len(words)), 0, -1):
        part = words[-count:] if at_end else words[:count]
        phrase = tuple(word for token in part for word in token)
        if phrase in known or not phrase:
            return count
    return 0


@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER], is_trainable=False)
class CourtesyTrimmer(GraphComponent):
    """Leaves courtesies out of what the featurizers see. Stands between tokenizer and featurizers."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],  # noqa: ARG003 - Rasa's signature, here and below
        model_storage: ModelStorage,  # noqa: ARG003
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,  # noqa: ARG003
    ) -> CourtesyTrimmer:
        """Called by Rasa for each graph."""
        return cls()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Trim the examples as messages will be."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Trim each message's tokens."""
        for message in messages:
            tokens = message.get(TOKENS_NAMES[TEXT])
            if tokens:
                message.set(TOKENS_NAMES[TEXT], without_courtesies(tokens))
        return messages
