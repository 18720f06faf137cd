"""How commands print: JSON for programs, tables for people, and nothing a customer could inject."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

UNBROKEN = 1_000
"""Columns of what is no terminal."""
UNSEEN = ("Cc", "Cf", "Cs")
"""Control, format and surrogate characters."""


def plain(value: object) -> str:
    """A text without control characters: what comes from outside must not drive the terminal."""
    return "".join(" " if unicodedata.category(one) in UNSEEN else one for one in str(value))


def print_json(value: object) -> None:
    """One JSON document."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; cells are shown as they are, without markup. A program or a file gets unbroken lines."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)  # the first is what one copies
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else UNBROKEN).print(table)
