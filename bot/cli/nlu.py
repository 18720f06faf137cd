"""``guichet nlu``: what the bot understands, and training it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console

from bot.app.nlu import nlu_place
from bot.cli import explaining, nlu_evaluate
from bot.cli.output import plain, print_json, print_table
from bot.cli.texts import spoken
from bot.domain.errors import NluUnavailable
from bot.domain.understanding import Understanding
from bot.knowledge.training import ensure_model, model_path
from bot.nlu.client import RasaNlu
from bot.nlu.language import LinguaDetector
from bot.settings import Settings, load_settings
from handlers.care import Thresholds

app = typer.Typer(no_args_is_help=True, help="What the bot understands, and training it.")
app.command("evaluate", epilog=nlu_evaluate.EXAMPLES)(nlu_evaluate.evaluate)

_PARSE_EXAMPLES = """
Examples:

  guichet nlu parse "où est mon colis 4812077 ?"

  guichet nlu parse "je déménage, l'adresse se change encore ?" --explain

  guichet nlu parse "how do I return a cream?" --json | jq '.ranking[0], .explanation'
"""
_TRAIN_EXAMPLES = """
Examples:

  guichet nlu train

  guichet nlu train --force
"""


@app.command("parse", epilog=_PARSE_EXAMPLES)
def parse(
    text: Annotated[str, typer.Argument(help="What a customer would write.")],
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say why: nearest examples, questions, in or out of scope.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object, with why.")] = False,
) -> None:
    """Show what the running bot understands of a text: intents best first, entities, language."""
    settings = load_settings()
    understanding = asyncio.run(_parse(settings, text))
    language = LinguaDetector().detect(text)
    thresholds = Thresholds(**settings.understanding.model_dump())
    if as_json:
        told = explaining.document(text, understanding, thresholds)
        print_json(_document(text, language, understanding) | told)
        return
    _print(language, understanding)
    if explain:
        explaining.show(text, understanding, thresholds, spoken())


@app.command("train", epilog=_TRAIN_EXAMPLES)
def train(
    force: Annotated[
        bool,
        typer.Option("--force", help="Train although no file here has changed: the encoder's own have, say."),
    ] = False,
) -> None:
    """Train a model if the files it is made of have changed; restart Guichet to use it."""
    settings = load_settings()
    model = model_path(settings.rasa_project)
    if model.exists() and not force:
        typer.echo(f"Nothing has changed: {model} is the model of these files.")
        return
    begun = monotonic()
    with Console(stderr=True).status("training") as status:
        work = ensure_model(
            settings.rasa_project, progress=lambda step: status.update(plain(step)), again=force
        )
        asyncio.run(work)
    typer.echo(f"Trained {model_path(settings.rasa_project)} in {monotonic() - begun:.0f} s.")


async def _parse(settings: Settings, text: str) -> Understanding:
    place = nlu_place(settings)
    # A person waits here, not a customer: a server that is still starting gets more time.
    client = RasaNlu(place.urls, place.token, first=5.0, total=10.0, cache_size=0)
    try:
        return await client.parse(text)
    except NluUnavailable as error:
        where = ", ".join(place.urls)
        raise NluUnavailable(
            f"The NLU at {where} did not answer ({error}). Is Guichet running? `guichet status` tells."
        ) from error
    finally:
        await client.aclose()


def _document(text: str, language: str | None, understanding: Understanding) -> dict[str, Any]:
    return {
        "text": text,
        "language": language,
        "intent": {"name": understanding.best.intent, "confidence": understanding.best.confidence},
        "ranking": explaining.ranking(understanding.ranking),
        "entities": [
            {"name": found.name, "value": found.value, "start": found.start, "end": found.end}
            for found in understanding.entities
        ],
        "model": understanding.model,
        "ms": round(understanding.ms, 1),
    }


def _print(language: str | None, understanding: Understanding) -> None:
    print_table(
        ("intent", "confidence"),
        [(guess.intent, f"{guess.confidence:.2f}") for guess in understanding.ranking[:5]],
    )
    for found in understanding.entities:
        typer.echo(f"{found.name}: {plain(found.value)} (characters {found.start} to {found.end})")
    typer.echo(f"language {language or 'not told'}, model {understanding.model}, {understanding.ms:.0f} ms")
