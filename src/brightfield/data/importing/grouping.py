"""Assign images to groups by their names: images of one acquisition (smear, movie, specimen) must be in one split."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import file_key, read_csv


@dataclass
class Grouping:
    """The rule in use: a table, else a pattern of the user's, else the default of the kind of task.

    Attributes:
        pattern: regular expression with one group (or one named ``group``), searched in the name and then in the path.
        table: :func:`file_key` of a file -> group, files by path, by name or by name without suffix.
        rule: the rule in words, for the report.
        unmatched: names that the default rule does not match; each is a group of its own.
    """

    pattern: re.Pattern[str] | None = None
    table: dict[str, str] | None = None
    rule: str = ""
    unmatched: list[str] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)
    _paths: dict[str, str] = field(default_factory=dict)  # of the files asked for, by their keys

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
            self._check_one(relative)
            for key in map(file_key, (relative, Path(relative).name, name)):
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

    def _check_one(self, relative: str) -> None:
        """Raise BrightfieldError for two files that a table cannot tell apart."""
        other = self._paths.setdefault(file_key(relative), relative)
        if other != relative:
            raise BrightfieldError(
                f"{other!a} and {relative!a} are the same name for a table of groups, which does not tell apart two ways to "
                "write an accent, / and \\, or blanks around. Rename one."
            )

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
    bare = table.index[(table["group"] == "") | (table["file"] == "")]
    if len(bare):
        raise BrightfieldError(
            f"{path} has rows without file or group, the first in line {bare[0]}: expected both in every row."
        )
    found: dict[str, str] = {}
    for line, file, group in zip(table.index, table["file"], table["group"], strict=True):
        if found.setdefault(file_key(file), group) != group:
            raise BrightfieldError(
                f"{path} gives {file!r} several groups, {found[file_key(file)]!r} and, in line {line}, {group!r}: expected one."
            )
    return found
