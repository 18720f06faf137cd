"""Says which model understood a message."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message


# Registered as a classifier because those, untrained, run at parsing only.
@DefaultV1Recipe.register([DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER], is_trainable=False)
class ModelStamp(GraphComponent):
    """Adds ``model_id`` to the parse output: the same id that ``/status`` reports."""

    def __init__(self, model_id: str | None) -> None:
        self._model_id = model_id

    @classmethod
    def create(
        cls,
        config: dict[str, Any],  # noqa: ARG003 - Rasa's signature
        model_storage: ModelStorage,  # noqa: ARG003
        resource: Resource,  # noqa: ARG003
        execution_context: ExecutionContext,
    ) -> ModelStamp:
        """Called by Rasa for each graph; the id is unknown while training."""
        return cls(execution_context.model_id)

    def process(self, messages: list[Message]) -> list[Message]:
        """Stamp each message."""
        for message in messages:
            message.set("model_id", self._model_id, add_to_output=True)
        return messages
