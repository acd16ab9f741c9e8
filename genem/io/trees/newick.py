"""Newick trees: names exactly as they are, quoted where they have to be; an underscore is an underscore."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genem.data import Tree
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput

__all__ = ["format_newick", "parse_newick", "read_newick"]

TOKEN = re.compile(r"\s+|\[[^\]]*\]|(?P<quoted>'(?:[^']|'')*')|(?P<mark>[(),:;])|(?P<bare>[^\s()\[\],:;']+)")
NEEDS_QUOTES = re.compile(r"[\s()\[\]{}:;,'\"=]|^$")


def read_newick(path: str | Path) -> tuple[Tree, ...]:
    """Read all trees of a Newick file, plain or compressed.

    Comments in brackets are left out; a label of an inner node (its name or its support) is kept.

    Raises
    ------
    InputError
        The file cannot be read, or a tree in it; the message names the tree and the letter.
    """
    with InflatedInput(path) as stream:
        content = b"".join(stream.pieces())
        name = stream.name
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", path=name, remedy="give a Newick file") from None
    if text.lstrip()[:6].upper() == "#NEXUS":
        raise InputError("is a Nexus file", path=name, remedy="write its trees as Newick")
    if "(" not in text and ";" not in text and text.strip():
        shown = text.split(maxsplit=1)[0][:20]
        raise InputError(f"starts with {shown!r}: no tree", path=name, remedy="give trees in Newick format")
    return _parse_all(text, name)


def parse_newick(text: str) -> Tree:
    """Read one tree.

    Raises
    ------
    InputError
        The text is not one tree.

    Examples
    --------
    >>> tree = parse_newick("(Homo_sapiens:0.1,('it''s (a):b':2e-3,c)95:0.2);")
    >>> tree.taxa, tree.labels, tree.parent
    (('Homo_sapiens', "it's (a):b", 'c'), ('95', ''), array([ 4,  3,  3,  4, -1]))
    """
    trees = _parse_all(text, None)
    if len(trees) != 1:
        raise InputError(f"{len(trees)} trees, 1 expected")
    return trees[0]


def format_newick(tree: Tree) -> str:
    """A tree as one line; lengths in full, those that are missing left out.

    Examples
    --------
    >>> format_newick(parse_newick("( 'a b' : 0.10, c_d:.2 [comment])root;"))
    "('a b':0.1,c_d:0.2)root;"
    """
    n_taxa = len(tree.taxa)
    if n_taxa == 0:
        return ";"
    text: list[str] = []
    for node, children in enumerate(tree.children()):
        below = "(" + ",".join(text[child] for child in children) + ")" if node >= n_taxa else ""
        name = tree.name(node)
        text.append(below + (_quote(name) if name or node < n_taxa else "") + _format_length(tree, node))
        for child in children:
            text[child] = ""
    return text[-1] + ";"


def _format_length(tree: Tree, node: int) -> str:
    length = float(tree.length[node])
    return "" if node == tree.top or math.isnan(length) else f":{length!r}"


def _quote(name: str) -> str:
    return "'" + name.replace("'", "''") + "'" if NEEDS_QUOTES.search(name) else name


@dataclass
class _Growing:
    """A tree while it is read: taxa in order of appearance, other nodes in the order in which they are closed."""

    taxa: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    taxon_length: list[float] = field(default_factory=list)
    inner_length: list[float] = field(default_factory=list)
    children: list[list[int]] = field(default_factory=list)

    def add_taxon(self, name: str, length: float) -> int:
        """Add a taxon and return its number; taxa count down from -1, for how many there are is not known yet."""
        self.taxa.append(name)
        self.taxon_length.append(length)
        return -len(self.taxa)

    def close(self, children: list[int], label: str, length: float) -> int:
        self.labels.append(label)
        self.inner_length.append(length)
        self.children.append(children)
        return len(self.labels) - 1

    def finish(self) -> Tree:
        n_taxa = len(self.taxa)
        parent = np.full(n_taxa + len(self.labels), -1, np.int64)
        for number, children in enumerate(self.children):
            parent[[-1 - child if child < 0 else n_taxa + child for child in children]] = n_taxa + number
        length = np.array(self.taxon_length + self.inner_length)
        length[-1] = 0.0
        return Tree(tuple(self.taxa), parent, length, tuple(self.labels))


class _Reader:
    """One pass over the tokens of a text, with a stack of open parentheses."""

    def __init__(self, text: str, path: str | None) -> None:
        self.text = text
        self.path = path
        self.trees: list[Tree] = []
        self._begin()

    def _begin(self) -> None:
        self.tree = _Growing()
        self.open: list[list[int]] = []
        self.closed: list[int] | None = None
        self.name: str | None = None
        self.length = math.nan
        self.after_colon = False
        self.is_blank = True

    def read(self) -> tuple[Tree, ...]:
        position = 0
        while position < len(self.text):
            match = TOKEN.match(self.text, position)
            if match is None:
                raise self._error(f"{self.text[position]!r} has no partner", position)
            if match["mark"]:
                self._mark(match["mark"], position)
            elif match["quoted"]:
                self._word(match["quoted"][1:-1].replace("''", "'"), position)
            elif match["bare"]:
                self._word(match["bare"], position)
            position = match.end()
        if not self.is_blank:
            raise self._error("the tree does not end", position, "end it with ';'")
        return tuple(self.trees)

    def _mark(self, mark: str, position: int) -> None:
        self.is_blank = self.is_blank and mark == ";"
        if self.after_colon:
            raise self._error("':' without a length", position)
        if mark == "(":
            if self.closed is not None or self.name is not None:
                raise self._error("'(' where ',' or ')' is expected", position)
            self.open.append([])
        elif mark == ":":
            self.after_colon = True
        elif mark == ";":
            self._end_tree(position)
        else:
            self._end_node(position)
            if mark == ")":
                self.closed = self.open.pop()

    def _word(self, word: str, position: int) -> None:
        self.is_blank = False
        if self.after_colon:
            self.after_colon = False
            self.length = self._number(word, position)
        elif self.name is None:
            self.name = word
        else:
            self.name += " " + word  # a blank inside a bare name

    def _number(self, word: str, position: int) -> float:
        try:
            value = float(word)
        except ValueError:
            raise self._error(f"{word!r} is no length", position) from None
        if not (math.isfinite(value) and value >= 0.0):
            raise self._error(f"a length of {word}", position, "lengths are finite and not negative")
        return value

    def _end_node(self, position: int) -> None:
        """The node before a comma or a closing parenthesis joins its siblings."""
        if not self.open:
            raise self._error(f"{self.text[position]!r} outside of parentheses", position)
        self.open[-1].append(self._take(position))

    def _take(self, position: int) -> int:
        name, length, closed = self.name, self.length, self.closed
        self.name, self.length, self.closed = None, math.nan, None
        if closed is not None:
            return self.tree.close(closed, name or "", length)
        if not name:
            raise self._error("a taxon without a name", position)
        return self.tree.add_taxon(name, length)

    def _end_tree(self, position: int) -> None:
        if self.open:
            raise self._error(f"{len(self.open)} parentheses are not closed", position)
        if not self.is_blank or self.name is not None or self.closed is not None:
            last = self._take(position)
            if last < 0:
                self.tree.close([last], "", 0.0)
        else:
            self.tree.close([], "", 0.0)
        twice = [name for name, count in Counter(self.tree.taxa).items() if count > 1]
        if twice:
            raise self._error(f"taxa that come more than once: {', '.join(map(repr, twice[:5]))}", position)
        self.trees.append(self.tree.finish())
        self._begin()

    def _error(self, found: str, position: int, remedy: str | None = None) -> InputError:
        place = f"tree {len(self.trees) + 1}, character {position + 1}"
        return InputError(found, path=self.path, place=place, remedy=remedy)


def _parse_all(text: str, path: str | None) -> tuple[Tree, ...]:
    return _Reader(text, path).read()
