"""Rewriting VCF records with GP, DS and INFO values."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError
from genem.io.variants.vcf import annotation_kernels as annotate_kernels
from genem.io.variants.vcf.annotation import InfoField, VcfAnnotator
from tests.reference import annotate as reference

HEADER = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##INFO=<ID=AF,Number=1,Type=Float,Description="old">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DS,Number=1,Type=Float,Description="old">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc
"""
AF = InfoField("AF", "Allele frequency")


def annotate(line, *, columns=(0, 1, 2), info=None, posteriors=None, drop_info=()):
    stream = io.BytesIO()
    writer = VcfAnnotator(stream, HEADER, columns, [AF], drop_info)
    posteriors = np.array(posteriors or [[1.0, 0, 0]] * len(columns))[None]
    n_posteriors = np.full((1, len(columns)), 3, np.int32)
    dosages = (posteriors @ np.array([0.0, 1, 2]))[..., None]
    writer.write([line], [info or {"AF": "0.25"}], posteriors, n_posteriors, dosages, np.array([1]))
    return stream.getvalue().decode()


@pytest.mark.kernel
@given(st.floats(0, 4))
def test_fixed_numbers_equal_the_reference(value):
    out = np.zeros(40, np.uint8)
    end = annotate_kernels.write_fixed(value, out, 0)
    assert out[:end].tobytes().decode() == reference.fixed(value)


@pytest.mark.kernel
@given(
    cells=st.lists(
        st.lists(st.sampled_from(["0/1", ".", "12", "0,30,200"]), min_size=1, max_size=3).map(":".join),
        min_size=1,
        max_size=4,
    ),
    keep=st.lists(st.booleans(), min_size=3, max_size=3),
    data=st.data(),
)
def test_cells_equal_the_reference(cells, keep, data):
    text = np.frombuffer("\t".join(cells).encode(), np.uint8)
    starts = np.empty(len(cells), np.int64)
    assert annotate_kernels.find_cells(text, 0, text.size, starts) == len(cells)
    columns = data.draw(st.permutations(range(len(cells))))
    posteriors = np.array([[0.5, 0.25, 0.25]] * len(cells))
    dosages = np.array([[0.75]] * len(cells))
    out = np.empty(1000, np.uint8)
    counts = np.full(len(cells), 3, np.int32)
    end = annotate_kernels.append_posteriors(
        text, starts, text.size, np.array(columns), np.array(keep), posteriors, counts, dosages, 1, out, 0
    )
    expected = "".join("\t" + reference.cell(cells[i], keep, [0.5, 0.25, 0.25], [0.75]) for i in columns)
    assert out[:end].tobytes().decode() == expected


def test_old_values_are_replaced_and_the_rest_is_kept():
    line = b"1\t7\trs\tA\tC\t9.5\tPASS\tAF=0.9;DP=12\tGT:DS:XY\t0/1:1:7\t./.\t1|1:2"
    text = annotate(line, posteriors=[[0, 1, 0], [0.5625, 0.375, 0.0625], [0, 0, 1]])
    body = text.splitlines()[-1].split("\t")
    assert body[:8] == ["1", "7", "rs", "A", "C", "9.5", "PASS", "DP=12;AF=0.25"]
    assert body[8:] == ["GT:XY:GP:DS", "0/1:7:0,1,0:1", "./.:.:0.5625,0.375,0.0625:0.5", "1|1:.:0,0,1:2"]
    assert text.count("##INFO=<ID=AF,") == 1
    assert text.count("##FORMAT=<ID=DS,") == 1


def test_a_sample_subset_is_written_in_the_order_asked_for():
    line = b"1\t7\trs\tA\tC\t.\t.\tAC=1;AN=6\tGT\t0/1\t0/0\t1/1"
    text = annotate(line, columns=(2, 0), drop_info=("AC", "AN"))
    assert text.splitlines()[-2].split("\t")[9:] == ["c", "a"]
    assert text.splitlines()[-1].split("\t")[7:] == ["AF=0.25", "GT:GP:DS", "1/1:1,0,0:0", "0/1:1,0,0:0"]


def test_unknown_posteriors_are_a_dot():
    line = b"1\t7\trs\tA\tC\t.\t.\t.\tGT\t./.\t0/0\t1/1"
    text = annotate(line, posteriors=[[np.nan] * 3, [1, 0, 0], [0, 0, 1]])
    assert text.splitlines()[-1].split("\t")[9] == "./.:.:."


def test_a_record_with_missing_cells_is_refused():
    with pytest.raises(InputError, match="2 sample columns, 3 expected"):
        annotate(b"1\t7\trs\tA\tC\t.\t.\t.\tGT\t0/0\t1/1")
