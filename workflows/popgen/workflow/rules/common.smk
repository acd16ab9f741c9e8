# Reads and checks the configuration. Whatever is wrong is said here, before any job starts.
check_configuration("../schemas/config.schema.yaml")

PIECES = range(1, config["pieces"] + 1)
FILE_KEYS = ("vcf", "samples", "groups", "sex")
WARM = {"ld": ["ld", "prune", "blocks"], "sfs": ["sfs"], "phase": ["phase"]}
WARM_COMMANDS = [
    "freq",
    *(command for analysis in config["analyses"] for command in WARM[analysis]),
]
SAMPLE_HEADERS = ("sample", "iid", "sample_id", "id", "individual")


def vcf_index(cohort):
    """The index beside the VCF, .csi or .tbi."""
    vcf = config["cohorts"][cohort]["vcf"]
    for suffix in (".csi", ".tbi"):
        if Path(vcf + suffix).is_file():
            return vcf + suffix
    refuse(
        ("cohorts", cohort, "vcf"), f"{vcf} has no index; make one with tabix -p vcf"
    )


def named_samples(path):
    """The samples of a list, or of a table whose sample column is the first or has a header that says so."""
    rows = [
        line.split()
        for line in Path(path).read_text().splitlines()
        if line.strip() and not line.startswith("##")
    ]
    header = [name.lower().lstrip("#") for name in rows[0]] if rows else []
    column = next(
        (header.index(name) for name in SAMPLE_HEADERS if name in header), None
    )
    return (
        [row[0] for row in rows]
        if column is None
        else [row[column] for row in rows[1:] if len(row) > column]
    )


def check_cohort(cohort):
    """Make the cohort's paths absolute; every file must exist and name only samples that the VCF has."""
    settings = config["cohorts"][cohort]
    make_absolute(settings, FILE_KEYS, ("cohorts", cohort))
    settings["index"] = vcf_index(cohort)
    known = variant_samples(settings["vcf"], ("cohorts", cohort, "vcf"))
    for key in FILE_KEYS[1:]:
        unknown = (
            [name for name in named_samples(settings[key]) if name not in known]
            if key in settings
            else []
        )
        if unknown:
            refuse(
                ("cohorts", cohort, key),
                f"{settings[key]} names {len(unknown)} samples that {settings['vcf']} does not have, "
                f"the first is {unknown[0]}",
            )


for cohort in config["cohorts"]:
    check_cohort(cohort)


def cohort_file(key):
    """An input function: the cohort's file of that kind, nothing where it has none."""
    return lambda wildcards: config["cohorts"][wildcards.cohort].get(key, [])


wildcard_constraints:
    cohort="|".join(config["cohorts"]),
    piece=r"\d+",
