"""How the stand-in says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """Slack's answer to a call it does not accept: ``{"ok": false, "error": code, …}``."""

    def __init__(self, code: str, *messages: str, **more: Any) -> None:
        super().__init__(code, *messages)
        self.code = code
        self.messages = messages
        self.more = more

    def body(self) -> dict[str, Any]:
        """What Slack answers."""
        answer: dict[str, Any] = {"ok": False, "error": self.code, **self.more}
        if self.messages:
            answer["errors"] = list(self.messages)
            answer["response_metadata"] = {"messages": [f"[ERROR] {each}" for each in self.messages]}
        return answer


class NotShown(AssertionError):
    """A person cannot do this: what they would touch is not on their screen."""
