# Linkage, where `ld` is among the analyses. A piece owns the pairs whose first variant lies in its regions and reads a
# window further: no pair is lost or doubled, and the gathered table equals that of a single run, byte by byte.
LINKAGE_TABLES = ("ld", "pruning", "blocks") if "ld" in config["analyses"] else ()


def linkage_options(wildcards):
    """The options that genem ld, prune and blocks share."""
    settings = config["cohorts"][wildcards.cohort]
    options = [f"--field {settings['field']}"]
    for key, flag in (
        ("samples", "--samples-file"),
        ("sex", "--sex"),
        ("build", "--build"),
    ):
        if key in settings:
            options.append(f"{flag} {quote(settings[key])}")
    if "max_missing_rate" in config:
        options.append(f"--max-missing-rate {config['max_missing_rate']}")
    return " ".join(options)


def ld_options(wildcards):
    """Those that genem ld has beside them."""
    settings = config["cohorts"][wildcards.cohort]
    linkage = config["linkage"]
    options = [
        linkage_options(wildcards),
        f"--window-bp {linkage['window_bp']}",
        f"--min-r2 {linkage['min_r2']}",
    ]
    if "groups" in settings:
        options.append(f"--groups {quote(settings['groups'])}")
    if "min_maf" in config:
        options.append(f"--min-maf {config['min_maf']}")
    return " ".join(options)


def prune_options(wildcards):
    """Those of genem prune: the window of genem ld, and its threshold."""
    linkage = config["linkage"]
    options = [
        linkage_options(wildcards),
        f"--window-bp {linkage['window_bp']}",
        f"--r2 {linkage['prune_r2']}",
    ]
    if "min_maf" in config:
        options.append(f"--min-maf {config['min_maf']}")
    return " ".join(options)


rule ld_piece:
    input:
        vcf=cohort_file("vcf"),
        index=cohort_file("index"),
        samples=cohort_file("samples"),
        groups=cohort_file("groups"),
        sex=cohort_file("sex"),
        regions="results/{cohort}/regions.txt",
        warm="results/warm.done",
    output:
        temp("results/{cohort}/ld_pieces/{piece}.tsv"),
    log:
        "logs/{cohort}/ld.{piece}.log",
    benchmark:
        "benchmarks/{cohort}/ld.{piece}.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=ld_options,
    shell:
        """
        regions=$(sed -n '{wildcards.piece}p' {input.regions})
        if [ -z "$regions" ]; then
            : >{output}
            exit 0
        fi
        genem ld {input.vcf:q} --first-in "$regions" {params.options} \
            --threads {threads} --output {output} 2>{log}
        """


rule ld_gather:
    input:
        expand("results/{{cohort}}/ld_pieces/{piece}.tsv", piece=PIECES),
    output:
        table=report(
            "results/{cohort}/ld.tsv.gz",
            caption="../report/ld.rst",
            category="Linkage",
            labels={"cohort": "{cohort}", "result": "pairs"},
        ),
    log:
        "logs/{cohort}/ld_gather.log",
    benchmark:
        "benchmarks/{cohort}/ld_gather.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    shell:
        "genem gather {input} --output {output.table} 2> {log}"


# What is kept depends on what was kept before: one job for the whole file.
rule prune:
    input:
        vcf=cohort_file("vcf"),
        samples=cohort_file("samples"),
        sex=cohort_file("sex"),
        warm="results/warm.done",
    output:
        table=report(
            "results/{cohort}/pruning.tsv.gz",
            caption="../report/pruning.rst",
            category="Linkage",
            labels={"cohort": "{cohort}", "result": "pruning"},
        ),
        kept="results/{cohort}/pruning.kept.txt",
        removed="results/{cohort}/pruning.removed.txt",
    log:
        "logs/{cohort}/prune.log",
    benchmark:
        "benchmarks/{cohort}/prune.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=prune_options,
    shell:
        """
        genem prune {input.vcf:q} {params.options} --kept {output.kept} --removed {output.removed} \
            --threads {threads} --output {output.table} 2>{log}
        """


rule blocks:
    input:
        vcf=cohort_file("vcf"),
        samples=cohort_file("samples"),
        sex=cohort_file("sex"),
        warm="results/warm.done",
    output:
        report(
            "results/{cohort}/blocks.tsv.gz",
            caption="../report/blocks.rst",
            category="Linkage",
            labels={"cohort": "{cohort}", "result": "haplotype blocks"},
        ),
    log:
        "logs/{cohort}/blocks.log",
    benchmark:
        "benchmarks/{cohort}/blocks.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=linkage_options,
    shell:
        "genem blocks {input.vcf:q} {params.options} --threads {threads} --output {output} 2>{log}"
