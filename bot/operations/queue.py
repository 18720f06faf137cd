"""Who waits for which team, from the board: looked at again twice a minute, however many ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.outgoing import CaseState
from bot.ports.board import Board
from bot.ports.clock import Clock

FRESH = timedelta(seconds=30)


class Queue:
    """The waiting customers of every team.

    Args:
        board: where cases are.
        clock: when to look again.
    """

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._seen: dict[str, list[datetime]] = {}
        self._until: datetime | None = None

    async def since(self, team: str) -> Sequence[datetime]:
        """Since when each customer waits whom nobody of the team has claimed yet.

        Raises:
            StoreUnavailable: not known now.
        """
        now = self._clock.now()
        if self._until is None or now >= self._until:
            self._until = now + FRESH  # whoever asks meanwhile makes do with what was seen last
            seen: dict[str, list[datetime]] = {}
            for case in await self._board.cases():
                if case.card.state is CaseState.WAITING:
                    seen.setdefault(case.card.team, []).append(case.card.since)
            self._seen = seen
        return self._seen.get(team, ())
