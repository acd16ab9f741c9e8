# Scatter by region, estimate, gather. The gathered table equals that of a single run, byte by byte.
rule regions:
    input:
        vcf=cohort_file("vcf"),
        index=cohort_file("index"),
    output:
        "results/{cohort}/regions.txt",
    log:
        "logs/{cohort}/regions.log",
    benchmark:
        "benchmarks/{cohort}/regions.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        pieces=config["pieces"],
    shell:
        "genem regions {input.vcf:q} --pieces {params.pieces} --output {output} 2> {log}"


# A file with few compressed blocks gives fewer regions than asked for; the pieces left over are empty files. Only the
# first piece always runs: of a file without records it writes the header.
rule freq_piece:
    input:
        vcf=cohort_file("vcf"),
        index=cohort_file("index"),
        samples=cohort_file("samples"),
        groups=cohort_file("groups"),
        sex=cohort_file("sex"),
        regions="results/{cohort}/regions.txt",
        warm="results/warm.done",
    output:
        temp("results/{cohort}/pieces/{piece}.tsv"),
    log:
        "logs/{cohort}/freq.{piece}.log",
    benchmark:
        "benchmarks/{cohort}/freq.{piece}.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        options=freq_options,
    shell:
        """
        regions=$(sed -n '{wildcards.piece}p' {input.regions})
        if [ -z "$regions" ] && [ {wildcards.piece} != 1 ]; then
            : >{output}
            exit 0
        fi
        genem freq {input.vcf:q} ${{regions:+--regions "$regions" --regions-overlap pos}} {params.options} \
            --threads {threads} --output {output} 2>{log}
        """


rule gather:
    input:
        expand("results/{{cohort}}/pieces/{piece}.tsv", piece=PIECES),
    output:
        table=report(
            "results/{cohort}/freq.tsv.gz",
            caption="../report/freq.rst",
            category="Allele frequencies",
            labels={"cohort": "{cohort}", "result": "table"},
        ),
    log:
        "logs/{cohort}/gather.log",
    benchmark:
        "benchmarks/{cohort}/gather.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    shell:
        "genem gather {input} --output {output.table} 2> {log}"
