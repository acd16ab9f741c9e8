"""``genem qtl`` refuses what cannot be, in one line that says what was found and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from genem.cli.main import main
from tests.qtl.crosses import small_csv, variant_files


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.csv"
    path.write_text(small_csv())
    return path


def changed(path: Path, *changes: tuple[str, str]) -> Path:
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return path


def refusal(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    assert main(["qtl", *arguments, "-o", "/dev/null"]) == status
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("genem qtl: error: ")
    assert len([line for line in said if "error" in line]) == 1
    return said[-1]


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ([("A,A,A", "A,Q,A")], (), "individual 1, marker M2: genotype 'Q' is none of A, H, B, D, C, -, NA"),
        ([("M1,M2", "M1,M1")], (), "marker M1 is there twice"),
        ([("0,10,3", "10,0,3")], (), "marker M2: at 0 cM, after M1 at 10 cM; sort the markers"),
        ([(",f,", ",,")], (), "the sex of individual 2 is missing"),
        ([("sex", "gender")], (), "there is an X chromosome but no sex; add a column sex"),
        ([], ("--trait", "sex"), "trait sex is not numeric: 'm' for individual 1"),
        ([], ("--trait", "flat"), "trait flat is constant"),
        ([], ("--trait", "empty"), "trait empty is missing for everybody"),
        ([], ("--addcovar", "flat"), "covariate flat is constant; leave it out"),
        ([], ("--addcovar", "w,twice"), "covariate twice is a linear function of w; leave one of them out"),
        ([], ("--addcovar", "z,few,w"), "individuals have the trait, too few for"),
        ([], ("--weights", "zero"), "weight zero of individual 1 is not above 0"),
        ([], ("--model", "binary"), "expected of a binary trait"),
        ([], ("--trait", "y", "--addcovar", "w,y", "--method", "hk"), "trait y is a linear function of w, y"),
        ([], ("--model", "2part", "--trait", "y"), "trait y has no spike: one individual alone has the largest value"),
        ([], ("--model", "2part", "--trait", "two"), "trait two has one value alone below its largest, 1; code it"),
        ([], ("--permutations", "2", "--strata", "kind"), "stratum kind is missing for individual 2, who has the"),
        ([("f,2,H", "f,2_0,H")], ("--addcovar", "w"), "covariate w is not numeric: '2_0' for individual 2"),
        ([], ("--cross", "risib", "--genotypes", "A,B", "--trait", "y"), "is none of A, B"),
    ],
)
def test_bad_data_is_one_line(
    small: Path,
    capsys: pytest.CaptureFixture[str],
    changes: list[tuple[str, str]],
    options: tuple[str, ...],
    message: str,
) -> None:
    lines = changed(small, *changes).read_text().splitlines()
    more = [",flat,empty,twice,few,zero,two,kind", *[",,,,,,,"] * 2]
    more += [
        f",1,NA,{2 * (i % 3 + 1)},{i * i % 5 if i < 7 else 'NA'},{i},{i // 2 % 2 + 1},{('a', 'NA', 'b')[i % 3]}"
        for i in range(30)
    ]
    written = [line.split(",") for line in lines]
    rows_ = [",".join(row[:4]) + extra + "," + ",".join(row[4:]) for row, extra in zip(written, more, strict=True)]
    small.write_text("\n".join(rows_) + "\n")
    said = refusal(capsys, 1, str(small), *(() if "--cross" in options else ("--cross", "f2")), *options)
    assert message in said
    assert str(small) in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--cross is needed"),
        (("--cross", "f2", "--permutations", "0"), "0 is not at least 1"),
        (("--cross", "f2", "--map", "x.tsv"), "--map is for a VCF"),
        (("--cross", "f2", "--field", "PL"), "--field PL is for a VCF"),
        (("--cross", "f2", "--method", "em,magic"), "--method magic is not one of em, hk, ehk, imp, mr"),
        (("--cross", "f2", "--method", "hk", "--model", "np"), "--model np has a method of its own"),
        (("--cross", "f2", "--method", "imp", "--permutations", "2"), "the method imp is not permuted"),
        (("--cross", "f2", "--trait", "q"), "no column q among y, z, w, sex"),
        (("--cross", "f2", "--trait", "q*"), "no column of numbers is called like q*"),
        (("--cross", "f2", "--alleles", "A"), "--alleles A: two different names expected"),
        (("--cross", "f2", "--chromosomes", "1,7"), "--chromosomes: no chromosome 7 among 1, X"),
        (("--cross", "f2", "--chromosomes", "^1,X"), "leaves no chromosome"),
        (("--cross", "f2", "--effects", "e.tsv", "--model", "binary"), "--effects is for --model normal"),
        (("--cross", "f2", "--alpha", "0.1"), "--alpha needs --permutations"),
        (("--cross", "f2", "--alpha", "5", "--permutations", "2"), "not significance levels between 0 and 1"),
        (("--cross", "f2", "--permutation-maxima", "p.tsv"), "--permutation-maxima needs --permutations"),
        (("--cross", "f2", "--permutations", "2", "--with-permutations", "p.tsv"), "excludes --permutations"),
        (("--cross", "f2", "--step", "-1"), "-1 is below 0"),
        (("--cross", "f2", "--step", "1e-9"), "a step of 1e-09 cM along the 10 cM of chromosome 1: at most"),
        (("--cross", "f2", "--strata", "q", "--permutations", "2"), "no column q among"),
        (("--cross", "f2", "--strata", "w"), "--strata needs --permutations"),
        (("--cross", "f2", "--genotypes", "A"), "genotype codes A: 2 to 5 different ones expected"),
    ],
)
def test_wrong_requests_are_one_line(
    small: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert message in refusal(capsys, 2, str(small), *options)


def test_lines_from_sib_mating_have_no_x(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.write_text(small_csv().replace("H", "B"))
    arguments = [str(small), "--cross", "risib", "--step", "10"]
    assert "chromosome X is the X chromosome, which recombines and segregates by other rules" in refusal(
        capsys, 1, *arguments
    )
    assert main(["qtl", *arguments, "--chromosomes", "^X", "-o", "/dev/null"]) == 0
    assert main(["qtl", *arguments, "--x-chrom", "none", "-o", "/dev/null"]) == 0


@pytest.mark.parametrize(
    ("parents", "asked", "status", "message"),
    [
        ("0/0\t1/1", "P1,P9", 2, "parent P9 is not among the samples"),
        ("0/0\t1/1", "P1,P1", 2, "both parents are P1: two different samples expected"),
        ("0/0\t1/1", "P1", 2, "a VCF needs --parents P1,P2"),
        ("0/1\t0/1", "P1,P2", 1, "x.vcf: no informative marker (2 parent_heterozygous)"),
        ("1/1\t1/1", "P1,P2", 1, "x.vcf: no informative marker (2 monomorphic)"),
        ("./.\t1/1", "P1,P2", 1, "x.vcf: no informative marker (2 parent_missing)"),
    ],
)
def test_parents_must_tell_the_alleles_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parents: str, asked: str, status: int, message: str
) -> None:
    assert message in refusal(capsys, status, *variant_files(tmp_path, parents), "--parents", asked)


def test_map_and_vcf_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["qtl", *variant_files(tmp_path), "--parents", "P1,P2", "-o", "/dev/null"]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert "left out 1 of 2 records: 1 not in the map" in said
    assert "1 markers of" in said
    assert "are no markers of the VCF: other" in said
    (tmp_path / "x.map").write_text("marker\tchr\tcM\nother\t1\t9\n")
    assert "no informative marker (2 not_in_map)" in refusal(capsys, 1, *arguments[1:-2])
    (tmp_path / "x.map").write_text("marker\tchr\tcM\nm1\t1\t9\nm0\t1\t5\n")  # is put in order
    assert main(arguments) == 0
    (tmp_path / "x.map").write_text("marker\tchr\tcM\nm1\t1\t9\nm1\t1\t5\n")
    assert "x.map: marker m1 is there twice" in refusal(capsys, 1, *arguments[1:-2])


def test_what_is_wrong_with_traits_is_in_their_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*variant_files(tmp_path), "--parents", "P1,P2"]
    pheno = tmp_path / "x.pheno"
    pheno.write_text("id\ty\n" + "".join(f"i{k}\t3\n" for k in range(20)))
    assert f"{pheno}: trait y is constant" in refusal(capsys, 1, *arguments)
    pheno.write_text("id\ty\n" + "".join(f"i{k}\t{k}\n" for k in range(3)))
    assert "3 individuals have the trait, too few for 4 parameters" in refusal(capsys, 1, *arguments)
    pheno.write_text("id\ty\n" + "".join(f"j{k}\t{k}\n" for k in range(3)))
    assert "no sample is in the phenotype table" in refusal(capsys, 1, *arguments)
    pheno.write_text("id\ty\n" + "".join(f"i{k}\t{k}\n" for k in (0, 1)) + "i0\t4\n")
    assert "individual i0 is there twice" in refusal(capsys, 1, *arguments)


@pytest.mark.parametrize(
    ("taken", "given", "message"),
    [
        ("--pheno", (), "a VCF needs --pheno"),
        ("--map", (), "a VCF needs either --map or --cm-per-mb"),
        (None, ("--cm-per-mb", "1"), "a VCF needs either --map or --cm-per-mb"),
        (None, ("--genotypes", "A,H,B"), "--genotypes is for a csv"),
    ],
)
def test_a_vcf_needs_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], taken: str | None, given: tuple[str, ...], message: str
) -> None:
    arguments = [*variant_files(tmp_path), "--parents", "P1,P2", *given]
    if taken is not None:
        at = arguments.index(taken)
        del arguments[at : at + 2]
    assert message in refusal(capsys, 2, *arguments)


def test_a_field_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*variant_files(tmp_path), "--parents", "P1,P2", "--field", "PL"]
    assert "no FORMAT/PL in the header; give another --field" in refusal(capsys, 1, *arguments)


def test_an_output_that_cannot_be_written_is_refused_at_once(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flag in ("--peaks", "--genoprob", "--estimate-map", "--effect-plot"):
        nowhere = str(tmp_path / "nowhere" / "out.svg")
        assert "nowhere" in refusal(capsys, 1, str(small), "--cross", "f2", "--trait", "q", flag, nowhere)


def test_a_cross_without_any_call_is_refused(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split(",") for line in small.read_text().splitlines()]
    small.write_text("\n".join(",".join(line[:4] + (["-"] * 3 if k > 2 else line[4:])) for k, line in enumerate(lines)))
    assert f"{small}: nobody has a call at any marker" in refusal(capsys, 1, str(small), "--cross", "f2")


def test_nothing_is_written_where_the_input_is_bad(small: Path, tmp_path: Path) -> None:
    output = tmp_path / "lod.tsv"
    assert main(["qtl", str(small), "--cross", "f2", "--trait", "sex", "-o", str(output)]) == 1
    assert not output.exists()
