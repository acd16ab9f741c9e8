# The site frequency spectrum with bootstrap errors. Replicates are numbered, and each depends on its number only: jobs take
# a range of them, and the joined table is that of a single job. Phasing needs a whole chromosome: one job per cohort.
SFS_PIECES = range(config["sfs"]["pieces"])


rule sfs_replicates:
    input:
        vcf=cohort_file("vcf"),
        index=cohort_file("index"),
        samples=cohort_file("samples"),
        warm="results/warm.done",
    output:
        temp("results/{cohort}/sfs/{piece}.tsv"),
    log:
        "logs/{cohort}/sfs_replicates.{piece}.log",
    benchmark:
        "benchmarks/{cohort}/sfs_replicates.{piece}.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=sfs_options,
        replicates=replicate_range,
    shell:
        "genem sfs {input.vcf:q} {params.options} {params.replicates} --threads {threads} "
        "--replicates {output} --output /dev/null 2> {log}"


rule sfs_gather:
    input:
        expand("results/{{cohort}}/sfs/{piece}.tsv", piece=SFS_PIECES),
    output:
        "results/{cohort}/sfs_replicates.tsv",
    log:
        "logs/{cohort}/sfs_gather.log",
    benchmark:
        "benchmarks/{cohort}/sfs_gather.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "genem gather {input} --output {output} 2> {log}"


rule sfs:
    input:
        vcf=cohort_file("vcf"),
        index=cohort_file("index"),
        samples=cohort_file("samples"),
        replicates="results/{cohort}/sfs_replicates.tsv",
    output:
        table=report(
            "results/{cohort}/sfs.tsv",
            caption="../report/sfs.rst",
            category="Site frequency spectrum",
            labels={"cohort": "{cohort}", "result": "table"},
        ),
        diversity=report(
            "results/{cohort}/diversity.tsv",
            caption="../report/sfs.rst",
            category="Site frequency spectrum",
            labels={"cohort": "{cohort}", "result": "diversity"},
        ),
        plot=report(
            f"results/{{cohort}}/sfs.{config['plot_format']}",
            caption="../report/sfs.rst",
            category="Site frequency spectrum",
            labels={"cohort": "{cohort}", "result": "spectrum"},
        ),
    log:
        "logs/{cohort}/sfs.log",
    benchmark:
        "benchmarks/{cohort}/sfs.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=sfs_options,
    shell:
        "genem sfs {input.vcf:q} {params.options} --with-replicates {input.replicates} --threads {threads} "
        "--output {output.table} --diversity {output.diversity} --plot {output.plot} 2> {log}"


rule phase:
    input:
        vcf=cohort_file("vcf"),
        index=cohort_file("index"),
        samples=cohort_file("samples"),
        warm="results/warm.done",
    output:
        vcf="results/{cohort}/phased.vcf.gz",
        haplotypes="results/{cohort}/window_haplotypes.tsv.gz",
    log:
        "logs/{cohort}/phase.log",
    benchmark:
        "benchmarks/{cohort}/phase.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        window=config["phase"]["window"],
        samples=lambda wildcards, input: (
            f"--samples-file {quote(input.samples)}" if input.samples else ""
        ),
    shell:
        "genem phase {input.vcf:q} {params.samples} --window {params.window} --threads {threads} "
        "--vcf {output.vcf} --output {output.haplotypes} 2> {log}"
