"""Write a VCF again with posterior genotypes (FORMAT/GP, DS) and INFO values of our own; the rest is kept as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError
from genem.io.files.output import ByteSink
from genem.io.variants.vcf import annotation_kernels as annotate_kernels

ADDED_FORMAT = (b"GP", b"DS")
FORMAT_LINES = (
    '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Posterior probability of each genotype">',
    '##FORMAT=<ID=DS,Number=A,Type=Float,Description="Expected copies of each ALT allele">',
)
FIXED_COLUMNS = 9
INFO_COLUMN = 7
FORMAT_COLUMN = 8
LONGEST_VALUE = 16
DECLARATION = re.compile(r"##(\w+)=<(?:[^\"]*,)?ID=([^,>]+)[,>]")


@dataclass(frozen=True, slots=True)
class InfoField:
    """An INFO field that is added: its name and its header description; one Float per ALT allele."""

    name: str
    description: str

    @property
    def header_line(self) -> str:
        description = self.description.replace("\\", "\\\\").replace('"', '\\"')
        return f'##INFO=<ID={self.name},Number=A,Type=Float,Description="{description}">'


def _declared(line: str) -> tuple[str, str] | None:
    """The declaration in a header line: its kind (INFO, FORMAT, ...) and the ID, wherever it stands in the line."""
    found = DECLARATION.match(line)
    return None if found is None else (found[1], found[2])


class VcfAnnotator:
    """Copies VCF records to ``stream``, sample subset applied, with INFO values and GP, DS per sample added.

    Parameters
    ----------
    stream
        Binary stream the VCF text is written to.
    header
        Header of the input, ``##`` lines and the ``#CHROM`` line.
    columns
        Indices of the samples to write, in the order wanted, among the samples of the file.
    info
        The INFO fields that :meth:`write` will give. Fields of the same name in the input are replaced.
    drop_info
        INFO fields that are no longer true (AC and AN after a sample subset was taken).
    """

    def __init__(
        self,
        stream: ByteSink,
        header: str,
        columns: Sequence[int],
        info: Sequence[InfoField],
        drop_info: Sequence[str] = (),
    ) -> None:
        self._stream = stream
        self._columns = np.asarray(columns, dtype=np.int64)
        self._removed = {field.name.encode() for field in info} | {name.encode() for name in drop_info}
        lines = header.splitlines()
        fixed = lines[-1].split("\t")
        self._n_file_samples = max(len(fixed) - FIXED_COLUMNS, 0)
        names = fixed[FIXED_COLUMNS:]
        added = [*(field.header_line for field in info), *FORMAT_LINES]
        replaced = {_declared(line) for line in added}
        kept = [line for line in lines[:-1] if _declared(line) not in replaced]
        columns_line = "\t".join([*fixed[:FIXED_COLUMNS], *(names[column] for column in self._columns)])
        stream.write(("\n".join([*kept, *added, columns_line]) + "\n").encode())

    def write(
        self,
        lines: Sequence[bytes],
        info: Sequence[Mapping[str, str]],
        posteriors: NDArray[np.floating],
        n_posteriors: NDArray[np.int32],
        dosages: NDArray[np.floating],
        n_alts: NDArray[np.int64],
    ) -> None:
        """Write one block of records.

        Parameters
        ----------
        lines
            The records as in the file, without line ends.
        info
            For each record the text of each INFO value to add.
        posteriors
            (variant, sample, genotype), NaN where unknown; samples in the order of ``columns``.
        n_posteriors
            (variant, sample), how many genotypes the sample's ploidy allows.
        dosages
            (variant, sample, ALT).
        n_alts
            (variant,)
        """
        for variant, line in enumerate(lines):
            self._stream.write(
                self._record(
                    line,
                    info[variant],
                    posteriors[variant],
                    n_posteriors[variant],
                    dosages[variant],
                    int(n_alts[variant]),
                )
            )

    def _record(
        self,
        line: bytes,
        info: Mapping[str, str],
        posteriors: NDArray[np.floating],
        n_posteriors: NDArray[np.int32],
        dosages: NDArray[np.floating],
        n_alts: int,
    ) -> bytes:
        fixed = line.split(b"\t", FIXED_COLUMNS)[:FIXED_COLUMNS]
        cells_from = sum(map(len, fixed)) + FIXED_COLUMNS
        subfields = [] if fixed[FORMAT_COLUMN] == b"." else fixed[FORMAT_COLUMN].split(b":")
        keep = np.array([name not in ADDED_FORMAT for name in subfields], dtype=np.bool_)
        fixed[INFO_COLUMN] = self._merged_info(fixed[INFO_COLUMN], info)
        kept_subfields = [name for name in subfields if name not in ADDED_FORMAT]
        fixed[FORMAT_COLUMN] = b":".join([*kept_subfields, *ADDED_FORMAT])

        text = np.frombuffer(line, dtype=np.uint8)
        cell_starts = np.empty(self._n_file_samples, dtype=np.int64)
        found = annotate_kernels.find_cells(text, cells_from, len(line), cell_starts)
        if found != self._n_file_samples:
            raise InputError(f"{found} sample columns, {self._n_file_samples} expected", place=fixed[0].decode())
        per_sample = LONGEST_VALUE * (posteriors.shape[1] + n_alts) + 2 * len(subfields) + 4
        out = np.empty(len(line) + self._columns.shape[0] * per_sample, dtype=np.uint8)
        end = annotate_kernels.append_posteriors(
            text, cell_starts, len(line), self._columns, keep, posteriors, n_posteriors, dosages, n_alts, out, 0
        )
        return b"\t".join(fixed) + out[:end].tobytes() + b"\n"

    def _merged_info(self, original: bytes, added: Mapping[str, str]) -> bytes:
        entries = [] if original == b"." else original.split(b";")
        kept = [entry for entry in entries if entry.split(b"=", 1)[0] not in self._removed]
        new = [f"{name}={value}".encode() for name, value in added.items()]
        return b";".join(kept + new) or b"."
