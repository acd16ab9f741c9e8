# Permutations are numbered, and each depends on seed and number only: jobs take a range of them, and the joined table is
# that of a single job, byte by byte.
rule permutation_piece:
    input:
        files=cross_files,
        warm="results/warm.done",
    output:
        temp("results/{cross}/permutations/{piece}.tsv"),
    log:
        "logs/{cross}/permutations.{piece}.log",
    benchmark:
        "benchmarks/{cross}/permutations.{piece}.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=cross_options,
        model=model_options,
        permutations=permutation_range,
    shell:
        "genem qtl {params.options} {params.model} {params.permutations} --threads {threads} "
        "--permutation-maxima {output} --output /dev/null 2> {log}"


rule permutations:
    input:
        expand("results/{{cross}}/permutations/{piece}.tsv", piece=PIECES),
    output:
        "results/{cross}/permutations.tsv.gz",
    log:
        "logs/{cross}/permutations.log",
    benchmark:
        "benchmarks/{cross}/permutations.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    shell:
        "genem gather {input} --output {output} 2> {log}"
