# What is known of the ancestors, at the nodes of the best tree with its root.
rule ancestral:
    input:
        files=input_files,
        model=model_file,
        tree="results/{alignment}/best.nwk",
        warm="results/warm.done",
    output:
        tree="results/{alignment}/ancestral.nwk",
        table=report(
            "results/{alignment}/ancestral.tsv.gz",
            caption="../report/ancestral.rst",
            category="Ancestors",
            labels={"alignment": "{alignment}", "result": "posterior probabilities"},
        ),
        sequences=report(
            "results/{alignment}/ancestral.fa",
            caption="../report/ancestral.rst",
            category="Ancestors",
            labels={"alignment": "{alignment}", "result": "sequences"},
        ),
    log:
        "logs/{alignment}/ancestral.log",
    benchmark:
        "benchmarks/{alignment}/ancestral.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=input_options,
        model=model_option,
        root=root_option,
    shell:
        "genem phylo {params.options} {params.model} --tree {input.tree} --evaluate {params.root} --threads {threads} "
        "--ancestral {output.table} --ancestral-fasta {output.sequences} --output {output.tree} 2> {log}"
