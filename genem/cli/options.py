"""Options that a command accepts, said once: the parser, the help, the docs table and the completion come from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from genem.cli.values import fraction, maf, non_negative_integer, picture, positive_integer
from genem.data.fields import CALLS, ESTIMATED_FROM


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or one positional argument (a flag without a dash).

    Attributes
    ----------
    flags
        ``("-o", "--output")``, or ``("vcf",)`` for a positional argument.
    help
        One sentence without its full stop; the default is added to it.
    default
        The value where the option is not given.
    default_text
        What the help says of a default that is computed.
    parse
        Turns the text into the value; raises ``ValueError`` with a message that says what is expected.
    choices
        The only values allowed.
    metavar
        How the help names the value.
    kind
        ``value``, ``switch`` (True where given), ``count`` (how often it was given) or ``list`` (a value each time).
    nargs
        As in argparse.
    bare
        The value where the flag stands without one, for ``nargs="?"``.
    file
        The value is a path: completion offers files.
    mirrors
        The option is a keyword of the library function: same name, same default. A test compares them.
    """

    flags: tuple[str, ...]
    help: str
    default: object = None
    default_text: str | None = None
    parse: Callable[[str], object] = str
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    kind: Literal["value", "switch", "count", "list"] = "value"
    nargs: Literal["?", "*", "+", 2] | None = None
    bare: object = None
    file: bool = False
    mirrors: bool = False

    @property
    def positional(self) -> bool:
        return not self.flags[0].startswith("-")

    @property
    def name(self) -> str:
        """The attribute that holds the value: ``--max-iter`` becomes ``max_iter``."""
        longest = next((flag for flag in self.flags if flag.startswith("--")), self.flags[0])
        return longest.lstrip("-").replace("-", "_")


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """Options under one heading of the help."""

    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """The specification of one command; its name and summary stand in the command table.

    Attributes
    ----------
    description
        What the command answers, in a few sentences.
    arguments
        The positional arguments.
    groups
        The options, by heading.
    examples
        Command lines that run as they stand in a folder with the contents of ``data/`` under ``data/``.
    library_only
        Keywords of the mirrored library function that have no option, on purpose.
    """

    description: str
    examples: tuple[str, ...]
    arguments: tuple[Option, ...] = ()
    groups: tuple[OptionGroup, ...] = ()
    library_only: tuple[str, ...] = ()

    def options(self) -> Iterator[Option]:
        """Every option in the order of the help, positional arguments first."""
        yield from self.arguments
        for group in self.groups:
            yield from group.options


VCF = Option(("vcf",), "VCF or BCF file, plain or compressed; - for standard input", metavar="VCF", file=True)

OUTPUT = Option(
    ("-o", "--output"),
    "where the result goes; - is standard output, a name ending in .gz is compressed as BGZF",
    default="-",
    metavar="PATH",
    file=True,
)


def plot_option(subject: str) -> Option:
    """``--plot`` for a command whose result has a picture, named in a few words."""
    return Option(("--plot",), f"draw {subject} to a .svg, .png or .pdf file", parse=picture, metavar="PATH", file=True)


FIELD = Option(
    ("--field",),
    "what to estimate from: calls, or genotype likelihoods",
    default=CALLS.name,
    choices=tuple(ESTIMATED_FROM),
    mirrors=True,
)
SEX = Option(
    ("--sex",),
    "table of samples and their sex (1 or M, 2 or F, 0 unknown): males have one X",
    metavar="TSV",
    file=True,
    mirrors=True,
)
BUILD = Option(
    ("--build",),
    "reference whose pseudo-autosomal regions apply with --sex",
    choices=("b37", "b38"),
    mirrors=True,
)
THREADS = Option(
    ("--threads",),
    "number of threads, at most what the process may use",
    parse=positive_integer,
    default_text="all the process may use",
    metavar="N",
)
SEED = Option(("--seed",), "seed of the random number generator", default=1, parse=non_negative_integer, metavar="N")
STRICT = Option(("--strict",), "exit with status 3 if any fit did not converge", default=False, kind="switch")

VARIANT_SELECTION = OptionGroup(
    "variants and samples to use",
    (
        Option(
            ("-r", "--regions"),
            "regions CHROM, CHROM:POS, CHROM:START-END or CHROM:START-, 1-based, separated by commas (needs an index)",
            metavar="REGIONS",
        ),
        Option(
            ("-R", "--regions-file"),
            "file of regions: BED, or CHROM POS [END] columns (needs an index)",
            metavar="FILE",
            file=True,
        ),
        Option(
            ("--regions-overlap",),
            "a record is in a region if its position, any part of the record or of a variant allele is",
            default="record",
            choices=("pos", "record", "variant"),
        ),
        Option(("-s", "--samples"), "samples to use, separated by commas; ^ before them excludes", metavar="NAMES"),
        Option(
            ("-S", "--samples-file"),
            "file of samples to use, one a line; ^ before the name excludes them",
            metavar="FILE",
            file=True,
        ),
        Option(("-f", "--apply-filters"), "use records with one of these FILTER values", metavar="NAMES"),
        Option(("--ids",), "use the variants whose ID is in this file, one a line", metavar="FILE", file=True),
        Option(("--snps-only",), "use records whose alleles are all one base long", default=False, kind="switch"),
        Option(("--min-maf",), "drop sites with a smaller minor allele frequency", 0.0, parse=maf, metavar="F"),
        Option(
            ("--max-missing-rate",),
            "drop sites where a larger share of the samples is missing",
            default=1.0,
            parse=fraction,
            metavar="F",
        ),
    ),
)

RUN = OptionGroup(
    "run",
    (
        THREADS,
        SEED,
        STRICT,
        Option(
            ("--run-record",),
            "write versions, inputs, seeds, times, memory and fits to this JSON file",
            metavar="FILE",
            file=True,
        ),
        Option(("--checksum",), "add the SHA-256 of every input to the run record", default=False, kind="switch"),
    ),
)

MESSAGES = OptionGroup(
    "messages",
    (
        Option(("-q", "--quiet"), "print errors only", default=False, kind="switch"),
        Option(("-v", "--verbose"), "print what is done; twice: everything, with tracebacks", 0, kind="count"),
        Option(("--log-format",), "how messages are written on stderr", default="text", choices=("text", "json")),
    ),
)


def output_group(*more: Option) -> OptionGroup:
    """``-o`` and the command's other outputs."""
    return OptionGroup("output", (OUTPUT, *more))


def without(group: OptionGroup, *names: str) -> OptionGroup:
    """The group less the options a command has no use for."""
    return replace(group, options=tuple(option for option in group.options if option.name not in names))
