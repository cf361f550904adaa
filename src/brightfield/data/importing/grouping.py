"""Assign images to groups by their names: images of one acquisition (smear, movie, specimen) must be in one split."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from brightfield.errors import BrightfieldError

MAX_TABLE_BYTES = 200_000_000


@dataclass
class Grouping:
    """The rule in use: a table, else a pattern of the user's, else the default of the kind of task.

    Attributes:
        pattern: regular expression with one group (or one named ``group``), searched in the name and then in the path.
        table: file -> group, files by path, by name or by name without suffix.
        rule: the rule in words, for the report.
        unmatched: names that the default rule does not match; each is a group of its own.
    """

    pattern: re.Pattern[str] | None = None
    table: dict[str, str] | None = None
    rule: str = ""
    unmatched: list[str] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    @classmethod
    def from_options(cls, pattern: str | None, groups_csv: Path | None) -> Grouping:
        """The rule that the user gave. Raises BrightfieldError for both at once, and for one that cannot be used."""
        if pattern is not None and groups_csv is not None:
            raise BrightfieldError("Groups come from a pattern or from a table, got both. Leave one of them out.")
        if groups_csv is not None:
            return cls(table=_read_table(groups_csv), rule=f"table {groups_csv.name}")
        if pattern is not None:
            return cls(pattern=_compiled(pattern), rule=f"pattern {pattern}")
        return cls()

    @property
    def is_chosen(self) -> bool:
        """Whether the user gave a rule."""
        return self.pattern is not None or self.table is not None

    def of(self, name: str, relative: str, default: str, description: str) -> str:
        """The group of a file.

        Args:
            name: the file's name without suffix (or whatever stands for it).
            relative: its path within the source.
            default: the regular expression used when the user gave no rule.
            description: that expression in words, for the report.
        """
        if self.table is not None:
            for key in (relative, Path(relative).name, name):
                if key in self.table:
                    self._used.add(key)
                    return self.table[key]
            raise BrightfieldError(f"{relative} has no group: it is not in the column 'file' of the table of groups.")
        if self.pattern is not None:
            return self._matched(self.pattern, name, relative)
        self.rule = description
        match = re.search(default, name)
        if match is None:
            self.unmatched.append(name)
        return match["group"] if match else name

    def warnings(self) -> list[str]:
        """What the user should know once all files have their groups."""
        found = []
        if self.unmatched:
            found.append(
                f"{len(self.unmatched)} names do not match the rule for groups ({self.rule}), the first is {self.unmatched[0]!r}: "
                "each of these images is its own group; if several show one smear, movie or specimen, give a pattern "
                "or a table"
            )
        unused = sorted(set(self.table or {}) - self._used)
        if unused:
            found.append(f"{len(unused)} files of the table of groups are not there, the first is {unused[0]!r}")
        return found

    @staticmethod
    def _matched(pattern: re.Pattern[str], name: str, relative: str) -> str:
        match = pattern.search(name) or pattern.search(relative)
        group = (match["group"] if "group" in pattern.groupindex else match[1]) if match else None
        if not group:
            raise BrightfieldError(
                f"{relative} has no group: neither its name nor its path matches {pattern.pattern!r}."
            )
        return group


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise BrightfieldError(f"The pattern of groups {pattern!r} is not a regular expression: {error}.") from error
    if compiled.groups != 1 and "group" not in compiled.groupindex:
        raise BrightfieldError(
            f"The pattern of groups {pattern!r} has {compiled.groups} groups in parentheses, expected one, or one "
            "named 'group': for instance '^([^_]+)_' takes the part before the first underscore."
        )
    return compiled


def _read_table(path: Path) -> dict[str, str]:
    table = read_csv(path, ("file", "group"), text=("file", "group"))
    if (table["group"] == "").any() or (table["file"] == "").any():
        raise BrightfieldError(f"{path} has rows without file or group, expected both in every row.")
    pairs = table[["file", "group"]].drop_duplicates()
    twice = pairs["file"][pairs["file"].duplicated()].tolist()
    if twice:
        raise BrightfieldError(f"{path} gives {twice[0]!r} several groups, expected one.")
    return dict(zip(pairs["file"].str.replace("\\", "/"), pairs["group"], strict=True))


def read_csv(path: Path, columns: tuple[str, ...], text: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a CSV that has at least these columns; ``text`` columns are read as strings, with blanks as empty strings.

    Raises BrightfieldError naming the file, what was found and what was expected.
    """
    if not path.is_file():
        raise BrightfieldError(f"There is no file {path}, expected a CSV with the columns {', '.join(columns)}.")
    if (size := path.stat().st_size) > MAX_TABLE_BYTES:
        raise BrightfieldError(f"{path} has {size:,} bytes, expected at most {MAX_TABLE_BYTES:,}. Split it.")
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str), skipinitialspace=True, float_precision="round_trip")
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors, and so are wrong encodings
        raise BrightfieldError(
            f"{path} cannot be read as CSV ({error}), expected the columns {', '.join(columns)}."
        ) from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise BrightfieldError(
            f"{path} has the columns {', '.join(map(str, table.columns))}; missing: {', '.join(missing)}."
        )
    present = [column for column in text if column in table]
    table[present] = table[present].fillna("")
    return table
