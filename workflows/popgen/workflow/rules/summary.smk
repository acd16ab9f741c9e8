# What people look at: the frequency spectrum, and a line per group for MultiQC.
rule summary:
    input:
        "results/{cohort}/freq.tsv.gz",
    output:
        table=report(
            "results/{cohort}/freq_mqc.tsv",
            caption="../report/multiqc.rst",
            category="Allele frequencies",
            labels={"cohort": "{cohort}", "result": "summary by group"},
        ),
        spectrum=report(
            f"results/{{cohort}}/spectrum.{config['plot_format']}",
            caption="../report/spectrum.rst",
            category="Allele frequencies",
            labels={"cohort": "{cohort}", "result": "frequency spectrum"},
        ),
    log:
        "logs/{cohort}/summary.log",
    benchmark:
        "benchmarks/{cohort}/summary.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "genem summary {input} --multiqc {wildcards.cohort} --output {output.table}"
        " --plot {output.spectrum} 2> {log}"
