"""Tables on the terminal: drawn where somebody looks, tab-separated where a program reads."""

import sys
from collections.abc import Iterable, Sequence


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print to stdout."""
    if not sys.stdout.isatty():
        for row in [head, *rows]:
            sys.stdout.write("\t".join(" ".join(cell.split()) for cell in row).rstrip() + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*head, box=SIMPLE_HEAD, pad_edge=False)
    for column in drawn.columns:
        column.overflow = "fold"
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)
