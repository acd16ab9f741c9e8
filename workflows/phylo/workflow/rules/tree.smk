# Without bootstrap replicates: the best tree with its root, drawn.
rule tree:
    input:
        files=input_files,
        model=model_file,
        best="results/{alignment}/best.nwk",
        warm="results/warm.done",
    output:
        tree="results/{alignment}/tree.nwk",
        plot=report(
            f"results/{{alignment}}/tree.{PICTURE}",
            caption="../report/tree.rst",
            category="Tree",
            labels={"alignment": "{alignment}", "result": "best tree"},
        ),
    log:
        "logs/{alignment}/tree.log",
    benchmark:
        "benchmarks/{alignment}/tree.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=input_options,
        model=model_option,
        root=root_option,
    shell:
        "genem phylo {params.options} {params.model} --tree {input.best} --evaluate --fix-branches {params.root} "
        "--threads {threads} --plot {output.plot} --output {output.tree} 2> {log}"
