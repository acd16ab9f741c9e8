"""Reading crosses: R/qtl's csv format, and VCF with map and phenotypes."""

import numpy as np
import pytest

from genem.errors import InputError, UsageError
from genem.io.crosses.calls import impossible_calls, without_impossible_calls
from genem.io.crosses.reading import read_cross
from genem.io.crosses.tables import read_genetic_map, read_phenotypes
from genem.io.crosses.variants import cross_from_variants
from genem.io.variants.reading import open_variants
from tests.qtl.crosses import CROSS_TYPES, golden_cross

CSV = """\
y,sex,id,M1,M2,X1
,,,1,1,X
,,,0,10.5,3
1.5,f,a,A,H,A
-,m,b,C,D,B
2,f,c,-,B,NA
"""


def written(folder, text, name="cross.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_all_codes_are_read(tmp_path):
    cross = read_cross(written(tmp_path, CSV), cross_type="f2")
    assert cross.individuals == ("a", "b", "c")
    assert cross.genotypes.tolist() == [[1, 2, 1], [5, 4, 3], [0, 3, 0]]
    assert cross.genetic_map.chromosomes == ("1", "X")
    assert cross.genetic_map.position.tolist() == [0, 10.5, 3]
    np.testing.assert_array_equal(cross.phenotypes["y"], [1.5, np.nan, 2])
    assert cross.labels == {"sex": ("f", "m", "f")}
    assert cross.is_male.tolist() == [False, True, False]
    assert cross.x_chromosomes == {"X"}


@pytest.mark.parametrize("name", CROSS_TYPES)
def test_golden_crosses_have_their_size(name):
    cross = golden_cross(name)
    assert cross.genotypes.shape == (len(cross), len(cross.genetic_map))
    assert bool(cross.x_chromosomes) == (cross.cross_type in ("f2", "bc"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("C,D,B", "C,Q,B", "individual b, marker M2: genotype 'Q' is none of A, H, B, D, C, -, NA"),
        ("0,10.5,3", "11,10.5,3", "marker M2: at 10.5 cM, after M1 at 11 cM; sort the markers"),
        ("0,10.5,3", "0,far,3", "marker M2: the position is 'far', a number in cM expected"),
        ("1,1,X", "1,X,1", "chromosome 1 again after X; put the markers of a chromosome side by side"),
        ("M1,M2", "M1,M1", "marker M1 is there twice"),
        ("2,f,c", "2,f,a", "individual a is there twice"),
        ("b,C,D,B", "b,C,D", "line 5: 5 columns, 6 expected"),
        (",m,", ",NA,", "the sex of individual b is missing; write male or female"),
        (",m,", ",x,", "the sex of individual b is 'x'"),
        (",,,1,1,X", ",,,,,", "no marker: row 2 is blank"),
        ("y,sex", "y,gender", "there is an X chromosome but no sex"),
    ],
)
def test_bad_csv_is_one_line_that_names_the_place(tmp_path, old, new, message):
    assert old in CSV
    path = written(tmp_path, CSV.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_cross(path, cross_type="f2")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_blank_lines_are_no_rows_and_are_counted(tmp_path):
    lines = CSV.splitlines()
    spaced = [*lines[:4], "", "  ", *lines[4:]]
    assert read_cross(written(tmp_path, "\n".join(spaced)), cross_type="f2").individuals == ("a", "b", "c")
    with pytest.raises(InputError, match="line 8: 7 columns, 6 expected"):
        read_cross(written(tmp_path, "\n".join([*spaced[:-1], spaced[-1] + ",A"])), cross_type="f2")


def test_impossible_calls_are_found(tmp_path):
    """On X: heterozygous males, and females without the allele that all of them have from their father."""
    text = "y,sex,pgm,M1,X1\n,,,1,X\n,,,0,3\n" + "".join(
        f"{k},{sex},{pgm},{autosome},{x}\n"
        for k, (sex, pgm, autosome, x) in enumerate(
            [("f", 0, "A", "B"), ("f", 1, "B", "B"), ("f", 1, "H", "A"), ("m", 0, "A", "H"), ("m", 1, "H", "B")]
        )
    )
    cross = read_cross(written(tmp_path, text), cross_type="f2")
    assert impossible_calls(cross)[:, 0].tolist() == [False] * 5
    assert impossible_calls(cross)[:, 1].tolist() == [True, False, True, True, False]
    cleaned, n_calls = without_impossible_calls(cross)
    assert n_calls == 3
    assert cleaned.genotypes.tolist() == [[1, 0], [3, 3], [2, 0], [1, 0], [2, 3]]
    assert without_impossible_calls(cleaned) == (cleaned, 0)


def test_a_place_on_the_sequence_may_be_missing(tmp_path):
    path = written(tmp_path, "marker\tchr\tcM\tbp\nM1\t1\t0\tNA\nM2\t1\t5\t700\n", "map.tsv")
    assert read_genetic_map(path).base_position.tolist() == [0, 700]


def test_a_file_without_individuals_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no individual"):
        read_cross(written(tmp_path, "\n".join(CSV.splitlines()[:3])), cross_type="f2")
    with pytest.raises(InputError, match="1 rows, at least 4 expected"):
        read_cross(written(tmp_path, CSV.splitlines()[0]), cross_type="f2")
    with pytest.raises(InputError, match="no such file"):
        read_cross(tmp_path / "absent.csv", cross_type="f2")


def test_a_backcross_has_no_homozygote_of_the_second_parent_but_males_on_x(tmp_path):
    path = written(tmp_path, CSV)
    with pytest.raises(InputError, match="individual c, marker M2: a homozygote of the second parent"):
        read_cross(path, cross_type="bc")
    fine = written(tmp_path, CSV.replace("c,-,B", "c,-,H"))
    assert read_cross(fine, cross_type="bc").genotypes[1, 2] == 3


def test_codes_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(UsageError, match="2 to 2 different ones expected for dh"):
        read_cross(written(tmp_path, CSV), cross_type="dh", genotypes=("A", "H", "B"))


VCF_HEAD = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##contig=<ID=X>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	P1	P2	a	b	c	d
"""
RECORDS = [
    "1\t100\tm2\tA\tC\t.\t.\t.\tGT\t1/1\t0/0\t0/1\t./0\t1/1\t0/0",
    "1\t200\tm1\tA\tC\t.\t.\t.\tGT\t0/0\t1/1\t0/1\t./1\t0/0\t./.",
    "1\t250\t.\tA\tC\t.\t.\t.\tGT\t0/0\t1/1\t0/0\t0|1\t1/1\t0/0",
    "1\t300\tmulti\tA\tC,G\t.\t.\t.\tGT\t0/0\t1/1\t0/1\t0/1\t0/1\t0/0",
    "1\t310\tmiss\tA\tC\t.\t.\t.\tGT\t./.\t1/1\t0/1\t0/1\t0/1\t0/0",
    "1\t320\thet\tA\tC\t.\t.\t.\tGT\t0/1\t1/1\t0/1\t0/1\t0/1\t0/0",
    "1\t330\tmono\tA\tC\t.\t.\t.\tGT\t1/1\t1/1\t0/1\t0/1\t0/1\t0/0",
    "1\t340\tunmapped\tA\tC\t.\t.\t.\tGT\t0/0\t1/1\t0/1\t0/1\t0/1\t0/0",
    "1\t350\tm1\tA\tC\t.\t.\t.\tGT\t0/0\t1/1\t0/1\t0/1\t0/1\t0/0",
    "X\t50\tx1\tA\tC\t.\t.\t.\tGT\t0/0\t1/1\t0/1\t1\t0/1\t0/0",
]
MAP = "marker\tchr\tcM\tbp\nm2\t1\t12.5\t100\nm1\t1\t3\t200\nm3\t1\t20\t250\nx1\tX\t0\t50\nabsent\tX\t9\t99\n"
PHENO = "y\tid\tsex\n1\tc\tmale\n2\ta\tfemale\n3\tb\tmale\n4\telsewhere\tmale\n"


def from_variants(folder, records=RECORDS, *, fields=("GT",), genetic_map=MAP, pheno=PHENO, **options):
    vcf = written(folder, VCF_HEAD + "".join(record + "\n" for record in records), "cross.vcf")
    table = read_phenotypes(written(folder, pheno, "pheno.tsv"))
    if genetic_map is not None:
        options["genetic_map"] = read_genetic_map(written(folder, genetic_map, "map.tsv"))
    with open_variants(vcf, fields=fields) as reader:
        return cross_from_variants(
            reader, **{"parents": ("P1", "P2"), "cross_type": "f2", "phenotypes": table, **options}
        )


def test_polarity_comes_from_the_parents_and_the_rest_is_counted(tmp_path):
    found = from_variants(tmp_path)
    cross = found.cross
    assert cross.individuals == ("a", "b", "c")
    assert cross.genetic_map.markers == ("m1", "m2", "m3", "x1")
    assert cross.genetic_map.position.tolist() == [3, 12.5, 20, 0]
    # m1: REF is the first parent's; m2: ALT is, so its half-call of REF holds the second parent's allele.
    assert cross.genotypes.tolist() == [[2, 2, 1, 2], [5, 5, 2, 3], [1, 1, 3, 0]]
    assert found.skipped == {
        "multi_allelic": 1,
        "parent_missing": 1,
        "parent_heterozygous": 1,
        "monomorphic": 1,
        "not_in_map": 1,
        "repeated": 1,
    }
    assert found.impossible_calls == 1
    assert found.not_in_variants == ("absent",)
    assert found.without_phenotype == ("d",)
    assert found.without_genotype == ("elsewhere",)
    assert cross.phenotypes["y"].tolist() == [2, 3, 1]
    assert cross.is_male.tolist() == [False, True, True]


def test_exchanged_parents_exchange_the_alleles(tmp_path):
    swapped = from_variants(tmp_path, parents=("P2", "P1")).cross.genotypes
    exchange = np.array([0, 3, 2, 1, 5, 4])
    np.testing.assert_array_equal(exchange[from_variants(tmp_path).cross.genotypes], swapped)


def test_without_a_map_distance_follows_the_sequence(tmp_path):
    found = from_variants(tmp_path, genetic_map=None, cm_per_mb=10_000.0)
    assert found.cross.genetic_map.markers == ("m2", "m1", "1:250", "unmapped", "x1")
    np.testing.assert_allclose(found.cross.genetic_map.position, [1, 2, 2.5, 3.4, 0.5])


def test_likelihoods_are_turned_with_the_parents(tmp_path):
    records = [
        "1\t100\tm2\tA\tC\t.\t.\t.\tPL\t90,30,0\t0,30,90\t0,10,20\t.\t20,0,30\t0,0,0",
        "X\t50\tx1\tA\tC\t.\t.\t.\tPL\t0,30,90\t90,30,0\t0,10,20\t0,40\t20,0,30\t0,0,0",
        "1\t200\tm1\tA\tC\t.\t.\t.\tPL\t0,3,90\t90,30,0\t0,10,20\t0,0,0\t20,0,30\t0,0,0",
    ]
    found = from_variants(tmp_path, records, fields=("PL",))
    assert found.skipped == {"parent_missing": 1}
    expected = [[[0.01, 0.1, 1], [1, 0.1, 0.01]], [[1, 1, 1], [1, 0, 1e-4]], [[1e-3, 1, 1e-2], [1e-2, 1, 1e-3]]]
    np.testing.assert_allclose(found.cross.likelihoods, expected, rtol=1e-6)


def test_inbred_lines_have_no_heterozygotes(tmp_path):
    found = from_variants(tmp_path, cross_type="riself")
    assert found.impossible_calls == 5
    assert not (found.cross.genotypes == 2).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parents": ("P1", "P9")}, "parent P9 is not among the samples"),
        ({"parents": ("P1", "P1")}, "both parents are P1"),
        ({"cm_per_mb": 1.0}, "give either a genetic map or centimorgan"),
    ],
)
def test_requests_that_cannot_be_met(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        from_variants(tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"records": RECORDS[3:8]}, r"no informative marker \(1 multi_allelic, 1 parent_missing"),
        ({"pheno": "id\ty\nz\t1\n"}, "no sample is in the phenotype table"),
        ({"pheno": "id\ty\na\t1\n"}, "there is an X chromosome but no sex"),
        ({"genetic_map": "marker\tchr\nm1\t1\n"}, "no column cM among marker, chr"),
        ({"genetic_map": "marker\tchr\tcM\nm1\t1\tx\n"}, "line 2, marker m1: the position in cM is 'x'"),
        ({"genetic_map": "marker\tchr\tcM\nm1\t1\t1\nm1\t1\t2\n"}, "marker m1 is there twice"),
        ({"genetic_map": "marker\tchr\tcM\n"}, "holds no rows below a header row"),
        ({"pheno": "id\ty\na\t1\t2\n"}, "line 2: 3 columns, 2 expected"),
        ({"pheno": "id\ty\na\t1\na\t2\n"}, "individual a is there twice"),
    ],
)
def test_input_that_cannot_be_used(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        from_variants(tmp_path, **options)
