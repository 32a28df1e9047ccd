"""CSV files of captions and labels: every row that can't be used is refused, by its line."""

from __future__ import annotations

import csv
from _csv import Reader as CsvReader  # the reader's type has no other name
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import DatasetError

__all__ = ["TableRow", "read_table"]


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of one row by column, stripped, and where it stands."""

    table: Path
    line: int
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """A cell that must not be empty.

        Raises:
            DatasetError: it is.
        """
        if not self.cells[column]:
            raise self.error(f"{column} is empty, expected text")
        return self.cells[column]

    def path(self) -> Path:
        """The cell ``path``, relative to the table's folder."""
        return self.table.parent / self.text("path")

    def seconds(self, column: str) -> float | None:
        """A cell that holds seconds from 0 on; None when it is empty or there is no such column.

        Raises:
            DatasetError: it is no such number.
        """
        text = self.cells.get(column, "")
        if not text:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise self.error(f"{column} is {text!r}, expected seconds such as 12.5")
        return seconds

    def error(self, what: str) -> DatasetError:
        """What is wrong with this row, with its place."""
        return DatasetError(f"{self.table}, line {self.line}: {what}")


def read_table(table: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[TableRow]:
    """The rows of a CSV in UTF-8 whose header names ``required`` and perhaps ``optional`` columns, in any order.

    Other columns are passed over, as are empty lines.

    Raises:
        DatasetError: the file can't be read, its header lacks a column, or a row has too few or many cells.
    """
    columns = ",".join(required)
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in required if name not in header]
            if missing or len(set(header)) != len(header):
                raise DatasetError(
                    f"{table}, line 1: the header is {','.join(header)!r}, expected {columns}"
                    + (f" and perhaps {','.join(optional)}" if optional else "")
                )
            yield from _rows(table, reader, header)
    except OSError as error:
        raise DatasetError(f"{table} can't be read ({error.strerror}); expected a CSV with {columns}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{table} is not UTF-8 (byte {error.start}); save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise DatasetError(f"{table} is no CSV ({error}); expected one with {columns}") from error


def _rows(table: Path, reader: CsvReader, header: list[str]) -> Iterator[TableRow]:
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise DatasetError(
                f"{table}, line {reader.line_num}: {len(cells)} cells, expected {len(header)} ({','.join(header)}); "
                "a text with a comma stands in double quotes"
            )
        yield TableRow(table, reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})
