# Reads and checks the configuration. Whatever is wrong is said here, before any job starts.
check_configuration("../schemas/config.schema.yaml")

ALIGNMENTS = config["alignments"]
FILE_KEYS = ("input", "samples", "partitions", "constraint")
SEARCHES = range(config["search"]["number"])
N_REPLICATES = config["bootstrap"]["replicates"]
REPLICATE_PIECES = range(config["bootstrap"]["pieces"] if N_REPLICATES else 0)
PICTURE = config["plot_format"]
RESULTS = (
    "tree.nwk",
    f"tree.{PICTURE}",
    "best.json",
    "summary_mqc.tsv",
    "site_log_likelihoods.tsv.gz",
    "ancestral.tsv.gz",
)
BOOTSTRAP_RESULTS = ("consensus.nwk", f"consensus.{PICTURE}", "distances.tsv")
WARM_COMMANDS = ["phylo", *(["consensus"] if N_REPLICATES else [])]

if 0 < N_REPLICATES < config["bootstrap"]["pieces"]:
    refuse(
        ("bootstrap", "pieces"),
        f"{N_REPLICATES} replicates cannot be cut into {config['bootstrap']['pieces']} pieces",
    )


def fasta_names(path):
    """The names in a FASTA file; None for files of other formats."""
    with opened(path) as stream:
        if not stream.peek(1).startswith(b">"):
            return None
        return {
            line[1:].decode().strip()
            for line in stream
            if line.startswith(b">") and line[1:].strip()
        }


def check_alignment(name):
    """Make the paths of an alignment absolute; every file must exist, and options fit each other."""
    settings, place = ALIGNMENTS[name], ("alignments", name)
    make_absolute(settings, FILE_KEYS, place)
    settings["is_variants"] = is_variant_file(settings["input"])
    if "samples" in settings and not settings["is_variants"]:
        refuse((*place, "samples"), f"is for VCF files, {settings['input']} is none")
    if settings["is_variants"] and "partitions" in settings:
        refuse((*place, "partitions"), f"{settings['input']} is a VCF or BCF file")
    if "partitions" in settings and model_of(name) == "auto":
        refuse(
            (*place, "partitions"),
            "a model has to be named: that of partitions whose file names none",
        )
    taxa = (
        variant_samples(settings["input"], (*place, "input"))
        if settings["is_variants"]
        else fasta_names(settings["input"])
    )
    for taxon in settings.get("outgroup", []):
        if taxa is not None and taxon not in taxa:
            refuse((*place, "outgroup"), f"{settings['input']} has no {taxon}")


def model_of(name):
    """The model that the configuration names for an alignment; auto where it is to be chosen."""
    return ALIGNMENTS[name].get("model", config["model"])


for name in ALIGNMENTS:
    check_alignment(name)

VARIANT_ALIGNMENTS = [
    name for name, settings in ALIGNMENTS.items() if settings["is_variants"]
]


def input_files(wildcards):
    """The files of an alignment."""
    settings = ALIGNMENTS[wildcards.alignment]
    return [settings[key] for key in FILE_KEYS if key in settings]


def model_file(wildcards):
    """Where the chosen model is written, nothing where the configuration names one."""
    chosen = model_of(wildcards.alignment) == "auto"
    return f"results/{wildcards.alignment}/model.json" if chosen else []


wildcard_constraints:
    alignment="|".join(ALIGNMENTS),
    search=r"\d+",
    piece=r"\d+",
