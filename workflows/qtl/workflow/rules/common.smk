# Reads and checks the configuration. Whatever is wrong is said here, before any job starts.
check_configuration("../schemas/config.schema.yaml")

WARM_COMMANDS = ["qtl"]
PIECES = range(config["permutations"]["pieces"])
FILE_KEYS = ("input", "map", "pheno")
COLUMN_KEYS = (
    "traits",
    "addcovar",
    "intcovar",
    "weights",
    "strata",
    "sex",
    "direction",
)
NORMAL_CROSSES = [
    name for name, cross in config["crosses"].items() if cross["model"] == "normal"
]


def check_variant_cross(settings, place):
    """A VCF needs its parents, a table of traits and distances; returns the table and its columns."""
    for key in ("parents", "pheno"):
        if key not in settings:
            refuse(place, f"{key} is missing: {settings['input']} is a VCF or BCF file")
    if ("map" in settings) == ("cm_per_mb" in settings):
        refuse(
            place,
            f"{settings['input']} is a VCF or BCF file: give either map or cm_per_mb",
        )
    samples = variant_samples(settings["input"], (*place, "input"))
    for parent in settings["parents"]:
        if parent not in samples:
            refuse(
                (*place, "parents"), f"{settings['input']} has no sample named {parent}"
            )
    return settings["pheno"], (table_rows(settings["pheno"], 1) or [[]])[0]


def check_table_cross(settings, place):
    """R/qtl's csv holds everything itself; columns without a chromosome are traits and covariates."""
    for key in ("parents", "pheno", "map", "cm_per_mb", "field"):
        if key in settings:
            refuse((*place, key), f"is for VCF files, {settings['input']} is none")
    rows = table_rows(settings["input"], 2, delimiter=",")
    if len(rows) < 2:
        refuse(
            (*place, "input"),
            f"{settings['input']} is neither a VCF nor R/qtl's csv: it has no two rows",
        )
    return settings["input"], [
        name.strip()
        for name, chromosome in zip(*rows)
        if not chromosome.strip() and name.strip()
    ]


def check_cross(name):
    """Make the cross's paths absolute; files, parents and columns that are named must exist."""
    settings, place = config["crosses"][name], ("crosses", name)
    make_absolute(settings, FILE_KEYS, place)
    is_variants = is_variant_file(settings["input"])
    table, columns = (check_variant_cross if is_variants else check_table_cross)(
        settings, place
    )
    for key in COLUMN_KEYS:
        named = settings.get(key, [])
        for column in [named] if isinstance(named, str) else named:
            if column not in columns:
                refuse(
                    (*place, key),
                    f"{table} has no column {column}; it has {', '.join(columns)}",
                )


for cross in config["crosses"]:
    check_cross(cross)


def cross_files(wildcards):
    """The files of a cross."""
    settings = config["crosses"][wildcards.cross]
    return [settings[key] for key in FILE_KEYS if key in settings]


wildcard_constraints:
    cross="|".join(config["crosses"]),
    piece=r"\d+",
