# Reads and checks the configuration. Whatever is wrong is said here, before any job starts.
check_configuration("../schemas/config.schema.yaml")

PICTURE = config["plot_format"]
FILE_KEYS = ("fasta", "genome", "bed", "control")

make_absolute(config, ("database",), ())
DATABASE = config.get("database")
WARM_COMMANDS = ["motif", "shuffle", "scan", *(["compare"] if DATABASE else [])]

if config["min_width"] > config["max_width"]:
    refuse(
        ("min_width",),
        f"{config['min_width']} is above max_width, {config['max_width']}",
    )
if 0 < config["controls"] < config["pieces"]:
    refuse(
        ("pieces",),
        f"{config['controls']} controls cannot be cut into {config['pieces']} pieces",
    )


def check_set(name):
    """Make the paths of a set absolute; every file must exist, and options fit each other."""
    settings, place = config["sets"][name], ("sets", name)
    make_absolute(settings, FILE_KEYS, place)
    if "genome" in settings and not Path(settings["genome"] + ".fai").is_file():
        refuse(
            (*place, "genome"),
            f"{settings['genome']} has no index; make one with samtools faidx",
        )
    if settings["both_strands"] and settings["alphabet"] == "protein":
        refuse((*place, "both_strands"), "proteins have one strand")


for name in config["sets"]:
    check_set(name)


def set_file(key):
    """An input function: the set's file of that kind, nothing where it has none."""
    return lambda wildcards: config["sets"][wildcards.set].get(key, [])


def sequences_of(wildcards):
    """The FASTA file of a set: its own, or the one cut out of the genome."""
    settings = config["sets"][wildcards.set]
    return settings.get("fasta", f"results/{wildcards.set}/sequences.fa.gz")


def control_of(wildcards):
    """The control of a set: its own, or the sequences shuffled."""
    settings = config["sets"][wildcards.set]
    return settings.get("control", f"results/{wildcards.set}/shuffled.fa.gz")


wildcard_constraints:
    set="|".join(config["sets"]),
    piece=r"\d+",
