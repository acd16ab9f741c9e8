# The best tree with its root, drawn; its supports are the shares of the bootstrap replicates that have the branch.
rule tree:
    input:
        trees="results/{alignment}/bootstrap.nwk",
        best="results/{alignment}/best.nwk",
        warm="results/warm.done",
    output:
        tree="results/{alignment}/tree.nwk",
        distances="results/{alignment}/distances.tsv",
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
        mem_mb=1000,
        runtime=30,
    params:
        root=root_option,
    shell:
        "genem consensus {input.trees} --tree {input.best} {params.root} --distances {output.distances} "
        "--plot {output.plot} --output {output.tree} 2> {log}"
