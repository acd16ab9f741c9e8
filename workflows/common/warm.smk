# Compiles the kernels of WARM_COMMANDS once: jobs that start at the same moment would each compile them all.
rule warm:
    output:
        touch("results/warm.done"),
    log:
        "logs/warm.log",
    benchmark:
        "benchmarks/warm.tsv"
    conda:
        "envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        commands=" ".join(WARM_COMMANDS),
    shell:
        "genem warm {params.commands} > {log} 2>&1"
