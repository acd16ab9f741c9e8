"""``genem freq --annotate``: the estimates as INFO values, the completed genotypes as FORMAT/GP and DS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genem.data import FIELDS, FieldName, GenotypeBlock
from genem.errors import UsageError
from genem.io.tables.writing import NA, format_float
from genem.io.variants.reading import VariantReader
from genem.io.variants.vcf.annotation import InfoField, VcfAnnotator
from genem.popgen import FrequencyTable, genotype_posteriors

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.io.files.output import OutputStream

MAX_CELLS = 4 << 20
NOT_IN_INFO_NAMES = re.compile(r"[^0-9A-Za-z_.]")
STALE_IN_A_SUBSET = ("AC", "AN", "NS", "MAF", "AC_Het", "AC_Hom", "AC_Hemi", "F_MISSING", "ExcHet")
"""INFO fields that speak of all samples of the input, as bcftools +fill-tags and most callers write them."""


class FrequencyAnnotator:
    """Writes the VCF that was read, with what was estimated.

    Parameters
    ----------
    stream
        Where the VCF goes.
    reader
        The open input; its header and samples are those of the output.
    groups
        Names of the groups; each has its own INFO fields ``AF_<group>`` and so on.
    field
        What was estimated from; INFO/HWE is the exact test of calls, the likelihood-ratio test of likelihoods.
    """

    def __init__(
        self,
        stream: OutputStream,
        reader: VariantReader,
        groups: tuple[str, ...],
        *,
        field: FieldName,
        context: RunContext,
    ) -> None:
        self._field = field
        self._test, test = ("hwe_p", "exact test") if FIELDS[field].is_call else ("lrt_p", "likelihood-ratio test")
        self._suffixes = (*(f"_{NOT_IN_INFO_NAMES.sub('_', group)}" for group in groups), "")
        described = [
            (suffix, f" in group {group}" if group else "")
            for suffix, group in zip(self._suffixes, (*groups, ""), strict=True)
        ]
        fields = [
            InfoField(f"{name}{suffix}", f"{meaning}{where}")
            for suffix, where in described
            for name, meaning in (
                ("AF", f"Frequency of each ALT allele, estimated from {field}"),
                ("AF_SE", "Standard error of AF"),
                ("HWE", f"p-value of the {test} of Hardy-Weinberg proportions"),
            )
        ]
        _check_names(fields, groups)
        place = {name: number for number, name in enumerate(reader.header.samples)}
        columns = [place[name] for name in reader.samples]
        stale = () if len(columns) == len(place) else STALE_IN_A_SUBSET
        if stale:
            context.log.info("INFO fields of all samples are left out of the subset: %s", ", ".join(stale))
        self._writer = VcfAnnotator(stream, reader.header.text, columns, fields, stale)

    def write(self, block: GenotypeBlock, estimates: FrequencyTable, **model: Any) -> None:
        """Write one block of records, its genotypes completed under ``model``: the keywords of ``popgen.freq``."""
        assert block.lines is not None
        for piece in self._pieces(block):
            part, estimated = block.select(piece), estimates.select(piece)
            genotypes = genotype_posteriors(part, estimated, field=self._field, **model)
            self._writer.write(
                part.lines or (),
                list(self._info(estimated)),
                genotypes.probabilities,
                genotypes.n_genotypes,
                genotypes.dosages,
                part.sites.n_alleles.astype(np.int64) - 1,
            )

    def _pieces(self, block: GenotypeBlock) -> Iterator[NDArray[np.bool_]]:
        """Runs of variants whose posteriors stay within ``MAX_CELLS``, however many alleles one of them has."""
        cells = block.sites.n_alleles.astype(np.int64) * (block.sites.n_alleles + 1) // 2 * len(block.samples)
        piece = np.cumsum(cells) // MAX_CELLS
        for number in np.unique(piece):
            yield piece == number

    def _info(self, estimates: FrequencyTable) -> Iterator[dict[str, str]]:
        for variant in range(estimates.n_variants):
            values: dict[str, str] = {}
            for number, suffix in enumerate(self._suffixes):
                alts = estimates.alts(variant * len(self._suffixes) + number)
                values[f"AF{suffix}"] = _listed(estimates.allele_frequency[alts])
                values[f"AF_SE{suffix}"] = _listed(estimates.standard_error[alts])
                values[f"HWE{suffix}"] = _listed(getattr(estimates, self._test)[alts])
            yield {name: text for name, text in values.items() if text}


def _check_names(fields: list[InfoField], groups: tuple[str, ...]) -> None:
    """Names of INFO fields allow few characters: two groups may come out alike."""
    names = [field.name for field in fields]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UsageError(
            f"--annotate: groups {', '.join(groups)} give two INFO fields the name {repeated[0]}; rename a group"
        )


def _listed(values: NDArray[np.float64]) -> str:
    """Numbers joined by commas, ``.`` for an undefined one; nothing where there are none at all."""
    texts = [format_float(value) if value == value else NA for value in values.tolist()]
    if all(text == NA for text in texts):
        return ""
    return ",".join("." if text == NA else text for text in texts)
