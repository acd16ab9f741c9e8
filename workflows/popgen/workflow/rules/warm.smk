# Compiles the kernels once: jobs that start at the same moment would each compile them all.
COMMANDS = {"ld": "ld prune blocks", "sfs": "sfs", "phase": "phase"}


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
    params:
        commands=" ".join(
            ["freq", *(COMMANDS[analysis] for analysis in config["analyses"])]
        ),
    shell:
        "genem warm {params.commands} > {log} 2>&1"
