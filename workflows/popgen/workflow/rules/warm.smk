# Compiles the kernels once: jobs that start at the same moment would each compile them all.
rule warm:
    output:
        touch("results/warm.done"),
    log:
        "logs/warm.log",
    benchmark:
        "benchmarks/warm.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "genem warm freq phase sfs > {log} 2>&1"
