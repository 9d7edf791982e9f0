"""The sections of an MPS file, read into texts and numbers of columns and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..source_text import SourceText
from .mps_lines import MARKER, SENSES, Section, Splitter, data

OBJECTIVE, FREE = -1, -2
"""Numbers of rows that are no constraints: the first N row, and the other ones."""
VALUELESS = frozenset({"FR", "MI", "PL", "BV"})
VALUED = frozenset({"UP", "LO", "FX", "LI", "UI"})
Stated = tuple[str, int]
"""A number as text, and the line it stands on."""


@dataclass(eq=False)
class Products:
    """Quadratic terms of one section: (column, column) -> coefficient; ``full``: both orders are listed."""

    row: int
    full: bool
    terms: dict[tuple[int, int], Stated] = field(default_factory=dict)


@dataclass(eq=False)
class Reader:
    """What the sections say. ``misfits`` counts lines whose fields do not fit, a sign of the other format."""

    source: SourceText
    sections: list[Section]
    split: Splitter = str.split
    misfits: int = 0
    name: str = ""
    maximize: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    senses: list[str] = field(default_factory=list)
    row_line: list[int] = field(default_factory=list)
    columns: dict[str, int] = field(default_factory=dict)
    marked: list[bool] = field(default_factory=list)
    first_line: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    sides: dict[int, Stated] = field(default_factory=dict)
    ranges: dict[int, Stated] = field(default_factory=dict)
    lower: dict[int, Stated] = field(default_factory=dict)
    upper: dict[int, Stated] = field(default_factory=dict)
    integer: set[int] = field(default_factory=set)
    products: list[Products] = field(default_factory=list)
    guards: dict[int, tuple[int, float, int]] = field(default_factory=dict)

    def read(self) -> None:
        """All sections, each after those that it refers to."""
        readers: dict[str, Callable[[Section], None]] = {
            "NAME": self.read_name, "OBJSENSE": self.read_sense, "ROWS": self.read_rows, "COLUMNS": self.read_columns,
            "RHS": self.read_sides, "RANGES": self.read_ranges, "BOUNDS": self.read_bounds,
            "QUADOBJ": self.read_products, "QMATRIX": self.read_products, "QSECTION": self.read_products,
            "QCMATRIX": self.read_products, "INDICATORS": self.read_indicators,
        }  # fmt: skip
        for word, reader in readers.items():
            for section in self.sections:
                if section.word == word:
                    reader(section)

    # -- help ---------------------------------------------------------------------------------------------------------

    def lines(self, section: Section) -> Iterator[tuple[int, list[str]]]:
        return data(self.source, section, self.split)

    def misfit(self, line: int, expected: str) -> None:
        self.misfits += 1
        self.source.say(line, f"expected {expected}", "was the file cut off here? names with blanks need fixed format")

    def known(self, table: dict[str, int], name: str, line: int, what: str) -> int | None:
        """The number of a row or column."""
        number = table.get(name)
        if number is None:
            self.misfits += 1
            section = "ROWS" if what == "row" else "COLUMNS"
            self.source.say(line, f"unknown {what} {name}", f"list it in the section {section}, or correct its name")
        return number

    def state(self, table: dict[int, Stated], key: int, text: str, line: int, what: str) -> None:
        """Note a number that may be stated only once."""
        if key in table and table[key][0] != text:
            self.source.say(line, f"{what} is stated again, first on line {table[key][1]}", "keep one of the two")
        table[key] = text, line

    # -- sections -----------------------------------------------------------------------------------------------------

    def read_name(self, section: Section) -> None:
        self.name = section.argument

    def read_sense(self, section: Section) -> None:
        words = section.argument.split() + [word for _, fields in self.lines(section) for word in fields]
        if len(words) != 1 or words[0].upper() not in SENSES:
            self.source.say(section.line, "expected MAX or MIN", "write OBJSENSE, and MAX or MIN on the next line")
        else:
            self.maximize = SENSES[words[0].upper()]

    def read_rows(self, section: Section) -> None:
        objective = False
        for line, fields in self.lines(section):
            if len(fields) != 2:
                self.misfit(line, "the kind of a row and its name")
                continue
            kind, name = fields[0].upper(), fields[1]
            if name in self.rows:
                self.source.say(line, f"another row is called {name} too", "give every row its own name")
            elif kind == "N":
                self.rows[name] = FREE if objective else OBJECTIVE
                objective = True
            elif kind in ("L", "G", "E"):
                self.rows[name] = len(self.senses)
                self.senses.append(kind)
                self.row_line.append(line)
            else:
                self.source.say(line, f"unknown kind of row {kind}", "rows are N, L, G or E")

    def read_columns(self, section: Section) -> None:
        """Entries as texts; this loop sees every nonzero of the file."""
        marked, current, index = False, "", -1
        get = self.rows.get
        add_column, add_row = self.column.append, self.row.append
        add_text, add_line = self.text.append, self.line.append
        for line, fields in self.lines(section):
            count = len(fields)
            if count not in (3, 5) or fields[1] == MARKER:
                marked = self.marker(line, fields, marked)
                continue
            if fields[0] != current:
                current = fields[0]
                index = self.new_column(current, line, marked)
            for k in range(1, count, 2):
                row = get(fields[k])
                if row is None:
                    self.known(self.rows, fields[k], line, "row")
                    continue
                add_column(index)
                add_row(row)
                add_text(fields[k + 1])
                add_line(line)

    def marker(self, line: int, fields: list[str], marked: bool) -> bool:
        """Whether integer columns follow a line that is no entry."""
        if len(fields) != 3 or fields[1] != MARKER:
            self.misfit(line, "a column, a row and a number")
        elif fields[2] not in ("'INTORG'", "'INTEND'"):
            self.source.say(line, f"unknown marker {fields[2]}", "markers are 'INTORG' and 'INTEND'")
        elif marked == (fields[2] == "'INTORG'"):
            self.source.say(line, f"marker {fields[2]} without its counterpart", "alternate INTORG and INTEND")
        else:
            return not marked
        return marked

    def new_column(self, name: str, line: int, marked: bool) -> int:
        if name in self.columns:
            hint = "put all entries of a column on consecutive lines, and give every column its own name"
            self.source.say(line, f"column {name} stands here again, first on line "
                            f"{self.first_line[self.columns[name]]}", hint)  # fmt: skip
            return self.columns[name]
        self.columns[name] = len(self.marked)
        self.marked.append(marked)
        self.first_line.append(line)
        return self.columns[name]

    def pairs(self, section: Section, what: str) -> Iterator[tuple[int, str, int]]:
        """Row, number and line of the entries of a section whose lines may begin with the name of a set."""
        sets: set[str] = set()
        for line, fields in self.lines(section):
            if len(fields) not in (2, 3, 4, 5):
                self.misfit(line, "the name of a set, a row and a number")
                continue
            start = len(fields) % 2
            if start and fields[0]:
                self.one_set(sets, fields[0], what, line)
            for k in range(start, len(fields), 2):
                row = self.known(self.rows, fields[k], line, "row")
                if row is not None:
                    yield row, fields[k + 1], line

    def one_set(self, sets: set[str], name: str, what: str, line: int) -> None:
        """Note the name of a set; a second one is a mistake."""
        if sets and name not in sets:
            self.source.say(line, f"a second set of {what}, {name} besides {next(iter(sets))}", "keep one set")
        sets.add(name)

    def read_sides(self, section: Section) -> None:
        for row, text, line in self.pairs(section, "right-hand sides"):
            if row != FREE:
                self.state(self.sides, row, text, line, "the right-hand side of a row")

    def read_ranges(self, section: Section) -> None:
        for row, text, line in self.pairs(section, "ranges"):
            if row < 0:
                self.source.say(line, "a free row (N) can't have a range", "delete the range")
            else:
                self.state(self.ranges, row, text, line, "the range of a row")

    def read_bounds(self, section: Section) -> None:
        sets: set[str] = set()
        for line, fields in self.lines(section):
            kind = fields[0].upper()
            if kind in ("SC", "SI"):
                hint = "state it with a binary and rows"
                self.source.refuse(line, "semi-continuous and semi-integer variables are not supported", hint)
                continue
            if kind not in VALUELESS | VALUED:
                known = ", ".join(sorted(VALUELESS | VALUED))
                self.source.say(line, f"unknown kind of bound {kind}", f"known: {known}")
                continue
            parts = self.bound_parts(kind, fields[1:])
            if parts is None:
                self.misfit(line, "the name of a set, a column and a number")
                continue
            name, column, text = parts
            if name:
                self.one_set(sets, name, "bounds", line)
            index = self.known(self.columns, column, line, "column")
            if index is not None:
                self.bound(kind, index, text, line)

    def bound_parts(self, kind: str, fields: list[str]) -> tuple[str, str, str] | None:
        """Set, column and number of a bound; the set may be missing, and so may a number that means nothing."""
        if kind in VALUED:
            fields = ["", *fields] if len(fields) == 2 else fields
            return (fields[0], fields[1], fields[2]) if len(fields) == 3 else None
        if len(fields) == 1 or (len(fields) == 2 and fields[1] not in self.columns and fields[0] in self.columns):
            fields = ["", *fields]
        return (fields[0], fields[1], "") if len(fields) in (2, 3) else None

    def bound(self, kind: str, column: int, text: str, line: int) -> None:
        """Enter one bound. PL, FR, MI and BV state theirs as words."""
        low = {"FR": "-inf", "MI": "-inf", "BV": "0", "LO": text, "LI": text, "FX": text}.get(kind)
        high = {"FR": "inf", "PL": "inf", "BV": "1", "UP": text, "UI": text, "FX": text}.get(kind)
        if low is not None:
            self.state(self.lower, column, low, line, "the lower bound of a column")
        if high is not None:
            self.state(self.upper, column, high, line, "the upper bound of a column")
        if kind in ("BV", "LI", "UI"):
            self.integer.add(column)

    def read_products(self, section: Section) -> None:
        """Quadratic terms of the objective, or of the row that stands behind QCMATRIX or QSECTION."""
        row: int | None = OBJECTIVE
        if section.word in ("QCMATRIX", "QSECTION"):
            row = self.known(self.rows, section.argument, section.line, "row")
        if row is None or row == FREE:
            return
        if section.word == "QSECTION" and row != OBJECTIVE:
            self.source.refuse(section.line, "QSECTION of a constraint is not supported", "write it as QCMATRIX")
            return
        found = Products(row, section.word in ("QMATRIX", "QCMATRIX"))
        self.products.append(found)
        for line, fields in self.lines(section):
            if len(fields) not in (3, 5):
                self.misfit(line, "two columns and a number")
                continue
            left = self.known(self.columns, fields[0], line, "column")
            for k in range(1, len(fields), 2):
                right = self.known(self.columns, fields[k], line, "column")
                if left is not None and right is not None:
                    self.product(found, left, right, fields[k + 1], line)

    def product(self, found: Products, left: int, right: int, text: str, line: int) -> None:
        for key in {(left, right)} if found.full else {(left, right), (right, left)}:
            if key in found.terms:
                hint = "QUADOBJ lists only one triangle, QMATRIX both" if not found.full else "keep one of the two"
                first = found.terms[key][1]
                self.source.say(line, f"the product is stated again, first on line {first}", hint)
        found.terms[left, right] = text, line

    def read_indicators(self, section: Section) -> None:
        for line, fields in self.lines(section):
            if len(fields) != 4 or fields[0].upper() != "IF":
                self.misfit(line, "IF, a row, a binary column and 0 or 1")
                continue
            row = self.known(self.rows, fields[1], line, "row")
            column = self.known(self.columns, fields[2], line, "column")
            if fields[3] not in ("0", "1"):
                self.source.say(line, f"an indicator has the value {fields[3]}", "it must be 0 or 1")
            elif row is not None and row < 0:
                self.source.say(line, "a free row (N) can't have an indicator", "delete the indicator")
            elif row is not None and row in self.guards:
                self.source.say(line, "the row has two indicators", "keep one of the two")
            elif row is not None and column is not None:
                self.guards[row] = column, float(fields[3]), line
