# Genotype probabilities between the markers, and calls that are probably wrong. Regression is the cheapest scan.
rule genotypes:
    input:
        files=cross_files,
        warm="results/warm.done",
    output:
        probabilities="results/{cross}/genotype_probabilities.tsv.gz",
        errors=report(
            "results/{cross}/genotyping_errors.tsv",
            caption="../report/errors.rst",
            category="Genotypes",
            labels={"cross": "{cross}", "result": "suspicious calls"},
        ),
    log:
        "logs/{cross}/genotypes.log",
    benchmark:
        "benchmarks/{cross}/genotypes.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=cross_options,
        trait=lambda wildcards: quote(config["crosses"][wildcards.cross]["traits"][0]),
    shell:
        "genem qtl {params.options} --trait {params.trait} --method hk --threads {threads} "
        "--genoprob {output.probabilities} --error-lods {output.errors} --output /dev/null 2> {log}"
