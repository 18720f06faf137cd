"""Orders in a JSON file: the demo's shop, and a small brand's export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from bot.domain.errors import ConfigurationError, ShopUnavailable
from bot.ports.shop import Order
from bot.shop.records import is_number, read_order

MAX_BYTES = 20_000_000


def _utc_today() -> date:
    return datetime.now(UTC).date()


class FileShop:
    """Reads ``{"orders": [{"number": …, "status": …, …}]}``, and again when the file changed.

    Dates are ISO (``2026-10-05``), or relative to the present day (``today-2``, ``today``,
    ``today+1``) so that a demo does not age.

    Args:
        path: the file.
        today: the present day.

    A file that cannot be read is a shop that does not answer, until it is mended: customers are
    told so, and everything else goes on.
    """

    def __init__(self, path: Path, today: Callable[[], date] = _utc_today) -> None:
        self._path = path
        self._today = today
        self._stamp: Stamp | None = None
        self._orders: Mapping[str, Any] = {}

    def check(self) -> None:
        """Read all of it.

        Raises:
            ConfigurationError: it cannot be read as orders; the text says why.
        """
        try:
            _, orders = _read(self._path)
            for number, found in orders.items():
                read_order(found, number, today=self._today())
        except (ShopUnavailable, OSError) as error:
            raise ConfigurationError(f"{self._path}: orders cannot be read: {error}.") from error

    async def order(self, number: str) -> Order | None:
        """The order, or None.

        Raises:
            ShopUnavailable: the file is gone, or an edit made it unreadable.
        """
        if not is_number(number):
            return None
        await self._refresh()
        found = self._orders.get(number)
        return None if found is None else read_order(found, number, today=self._today())

    async def _refresh(self) -> None:
        try:
            if _stamp(self._path) != self._stamp:
                self._stamp, self._orders = await asyncio.to_thread(_read, self._path)
        except OSError as error:
            raise ShopUnavailable("the file of orders cannot be read") from error


Stamp = tuple[int, int]


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> tuple[Stamp, Mapping[str, Any]]:
    stamp = _stamp(path)
    if stamp[1] > MAX_BYTES:
        raise ShopUnavailable("the file of orders is too large")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ShopUnavailable("the file of orders is not JSON") from error
    orders = found.get("orders") if isinstance(found, Mapping) else None
    if not isinstance(orders, list) or not all(isinstance(one, Mapping) for one in orders):
        raise ShopUnavailable('the file of orders has no list "orders"')
    return stamp, {str(one.get("number")): one for one in orders}
