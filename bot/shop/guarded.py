"""A shop that does not let one order be guessed at from many chats.

Each chat has few attempts a day, but a chat costs nothing. Here the misses of one number (no such
order, or a wrong proof: they must look the same) are counted over all chats of this process: a
customer may miss a few times, who tries postcodes needs hundreds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

import structlog
from prometheus_client import Counter

from bot.domain.errors import ShopUnavailable
from bot.ports.shop import Order, Shop

log = structlog.get_logger(__name__)

LOOKUPS = Counter("guichet_shop_lookups_total", "Orders looked up: asked, missed, held_back", ["outcome"])

MOST = 20
WITHIN = 3_600.0
NUMBERS = 10_000
"""How many numbers are remembered; the ones longest not missed go first."""


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


class GuardedShop:
    """Implements Shop over another.

    Args:
        shop: where orders are.
        most: misses of one number within ``within`` seconds; then it is held back.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        shop: Shop,
        *,
        most: int = MOST,
        within: float = WITHIN,
        clock: Callable[[], float] = _monotonic,
    ) -> None:
        self._shop = shop
        self._most = most
        self._within = within
        self._clock = clock
        self._misses: OrderedDict[str, deque[float]] = OrderedDict()

    async def order(self, number: str) -> Order | None:
        """The order, or None.

        Raises:
            ShopUnavailable: as the shop says, or the number was missed too often: the customer is
                offered a person, and whoever guesses learns nothing more.
        """
        if self._is_guessed_at(number):
            LOOKUPS.labels("held_back").inc()
            log.warning("shop.guessing", misses=self._most)
            raise ShopUnavailable("this number was missed too often")
        LOOKUPS.labels("asked").inc()
        return await self._shop.order(number)

    def missed(self, number: str) -> None:
        """Nobody proved that this order is theirs."""
        LOOKUPS.labels("missed").inc()
        self._misses.setdefault(number, deque(maxlen=self._most)).append(self._clock())
        self._misses.move_to_end(number)
        if len(self._misses) > NUMBERS:
            self._misses.popitem(last=False)

    def _is_guessed_at(self, number: str) -> bool:
        times = self._misses.get(number)
        return times is not None and len(times) == self._most and self._clock() - times[0] < self._within
