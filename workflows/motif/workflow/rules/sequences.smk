# The sequences of sets that are intervals of a genome, and the control sequences of sets that name none.
rule sequences:
    input:
        genome=set_file("genome"),
        bed=set_file("bed"),
    output:
        "results/{set}/sequences.fa.gz",
    log:
        "logs/{set}/sequences.log",
    benchmark:
        "benchmarks/{set}/sequences.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        options=sequence_options,
    shell:
        "genem sequences {input.genome:q} {input.bed:q} {params.options} --output {output} 2> {log}"


rule shuffle:
    input:
        fasta=sequences_of,
        warm="results/warm.done",
    output:
        "results/{set}/shuffled.fa.gz",
    log:
        "logs/{set}/shuffle.log",
    benchmark:
        "benchmarks/{set}/shuffle.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        options=shuffle_options,
    shell:
        "genem shuffle {input.fasta:q} {params.options} --threads {threads} --output {output} 2> {log}"
