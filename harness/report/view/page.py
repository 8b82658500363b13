"""What the HTML templates are handed: finished texts, classes and charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from harness.core.results import ShownSample


class Trusted(str):
    """Text of our own that a template writes as it is: style, script.

    ``__html__`` is how template engines are told so.
    """

    __slots__ = ()

    def __html__(self) -> str:
        return self


class Svg(Trusted):
    """Markup that was built as a tree, so that every text in it is escaped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Badge:
    """A status: its word, its sign, and its CSS class."""

    word: str
    sign: str
    kind: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table, or any short text.

    Attributes:
        text: What is shown.
        kind: CSS classes.
        full: The whole text where `text` is shortened.
        note: Muted, after the text.
        title: Told on hover; never the only place of a fact.
        href: Where it leads.
        sort: Sort key where the text is none.
        badge: A status before the text.
        svg: A chart instead of the text.
        draw: The same chart as numbers, for rows that the script makes.
        opens: What the script shows on a click: ``sample 17``, ``cell 3 5`` or
            ``class 3``.
    """

    text: str = ""
    kind: str = ""
    full: str = ""
    note: str = ""
    title: str = ""
    href: str = ""
    sort: str = ""
    badge: Badge | None = None
    svg: Svg | None = None
    draw: tuple[float, ...] = ()
    opens: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; `hint` tells what it holds, `svg` is an axis."""

    label: str
    kind: str = ""
    hint: str = ""
    svg: Svg | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A table's row; its first cell is its header."""

    cells: tuple[Cell, ...]
    id: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption.

    Attributes:
        caption: What to see.
        columns: From the left.
        rows: All of them.
        id: Of the table; one that has a `limit` needs it.
        kind: CSS classes.
        detail: How to read it.
        more: What is not in the rows shown.
        sortable: Whether the script makes its columns sort.
        filter: What its rows are called, where the script makes a filter.
        limit: Rows that stand in the page; the script makes the others of data as
            they are scrolled to. 0 writes all.
        place: Whose samples its cells open.
    """

    template: ClassVar[str] = "table.html.j2"

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    id: str = ""
    kind: str = ""
    detail: str = ""
    more: str = ""
    sortable: bool = False
    filter: str = ""
    limit: int = 0
    place: str = ""

    @property
    def written(self) -> tuple[Row, ...]:
        """The rows that stand in the page."""
        return self.rows[: self.limit] if self.limit else self.rows


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    template: ClassVar[str] = "prose.html.j2"

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart: the title says what to see, `label` the same in words for who cannot."""

    title: Cell
    svg: Svg
    label: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Charts of one sort, side by side."""

    template: ClassVar[str] = "gallery.html.j2"

    title: str
    figures: tuple[Figure, ...]
    detail: str = ""
    kind: str = ""
    legend: tuple[Badge, ...] = ()


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A matrix as a table whose cells are coloured."""

    caption: str
    corner: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, tuple[Cell, ...]], ...]
    kind: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Heatmaps:
    """Matrices side by side."""

    template: ClassVar[str] = "heatmaps.html.j2"

    title: str
    detail: str
    maps: tuple[Heatmap, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of our own making.

    Attributes:
        caption: What it is of.
        src: Its address: data, in the page.
        alt: What it shows, for who cannot see it.
        size: Width and height in CSS pixels.
        note: Muted, below the caption.
        place: Whose samples a click on it opens; empty where there are none.
        classes: Rows and columns of the matrix that it shows; 0 where it is none.
        kind: CSS classes.
    """

    caption: Cell
    src: str
    alt: str
    size: tuple[int, int]
    note: str = ""
    place: str = ""
    classes: int = 0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures side by side."""

    template: ClassVar[str] = "pictures.html.j2"

    title: str
    pictures: tuple[Picture, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """Whose decisions a reader may ask for samples of; shows the foremost of them.

    Attributes:
        place: Id of the variant.
        title: What the samples are.
        names: Of the classes.
        cells: (true, answer, before, after) of cells with samples.
        samples: (sample, true, was, is, margin, name), classes as places in `names`,
            no true class as -1.
        foremost: Samples that are shown unasked.
    """

    template: ClassVar[str] = "decided.html.j2"

    place: str
    title: str
    names: tuple[str, ...]
    cells: tuple[tuple[int, int, int, int], ...]
    samples: tuple[tuple[int, int, int, int, float, str], ...]
    foremost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    template: ClassVar[str] = "facts.html.j2"

    title: str
    items: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """Narrow parts side by side, while there is room."""

    template: ClassVar[str] = "beside.html.j2"

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Callouts:
    """Faults, each its name and a sentence; `more` says what was left out."""

    template: ClassVar[str] = "callouts.html.j2"

    title: str
    items: tuple[tuple[str, str], ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Folded:
    """A part behind a line that opens it."""

    template: ClassVar[str] = "folded.html.j2"

    summary: str
    part: Part


Part: TypeAlias = (
    "Table | Prose | Gallery | Heatmaps | Pictures | Decided | Facts | Beside "
    "| Callouts | Folded"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Evidence that opens; `summary` is its conclusion, shown also when closed."""

    id: str
    title: str
    summary: str
    open: bool
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Proven:
    """What an edit did, and whether that proves the cause."""

    edit: str
    verdict: str
    removed: str
    errors: str
    flips: str
    svg: Svg


@dataclass(frozen=True, slots=True)
class FindingCard:
    """A cause of drift."""

    id: str
    code: Cell
    severity: str
    cause: str
    place: str
    explanation: str
    where: tuple[tuple[str, Cell], ...]
    semantics: tuple[tuple[str, str], ...]
    proof: Proven | None
    hint: str
    manual: str


@dataclass(frozen=True, slots=True)
class FactCard:
    """One of the worst facts: a figure, what it counts, and where to read on."""

    variant: Cell
    badge: Badge
    figure: str
    unit: str
    sentence: str
    cause: str
    href: str
    kind: str


@dataclass(frozen=True, slots=True)
class VariantSection:
    """Everything of one variant."""

    id: str
    name: Cell
    badge: Badge
    meta: tuple[str, ...]
    lead: str
    findings_id: str
    findings: tuple[FindingCard, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the outline."""

    href: str
    name: Cell
    badge: Badge | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    title: str
    suite: Cell
    context: str
    badge: Badge
    lead: str
    counts: str
    provenance: str
    matrix: Table
    facts_title: str
    facts: tuple[FactCard, ...]
    variants: tuple[VariantSection, ...]
    conditions: tuple[Part, ...]
    outline: tuple[Link, ...]
    samples: tuple[ShownSample, ...] = ()
