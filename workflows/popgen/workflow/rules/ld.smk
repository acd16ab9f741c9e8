# Linkage, where `ld` is among the analyses. A piece owns the pairs whose first variant lies in its regions and reads a
# window further: no pair is lost or doubled, and the gathered table equals that of a single run, byte by byte.
LINKAGE_TABLES = ("ld", "pruning", "blocks") if "ld" in config["analyses"] else ()


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
        "../../../common/envs/genem.yaml"
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
        "../../../common/envs/genem.yaml"
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
        "../../../common/envs/genem.yaml"
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
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=linkage_options,
    shell:
        "genem blocks {input.vcf:q} {params.options} --threads {threads} --output {output} 2>{log}"
