# Bootstrap replicates are numbered, and each depends on seed and number only: jobs take a range of them, and the joined
# trees are those of a single job, byte by byte.
rule replicates:
    input:
        files=input_files,
        model=model_file,
        warm="results/warm.done",
    output:
        temp("results/{alignment}/bootstrap/{piece}.nwk"),
    log:
        "logs/{alignment}/replicates.{piece}.log",
    benchmark:
        "benchmarks/{alignment}/replicates.{piece}.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        options=input_options,
        model=model_option,
        search=search_options,
        starts=config["bootstrap"]["starts"],
        seed=config["bootstrap"]["seed"],
        range=replicate_range,
    shell:
        "genem phylo {params.options} {params.model} {params.search} --starts {params.starts} --seed {params.seed} "
        "--bootstrap {params.range} --bootstrap-only --bootstrap-trees {output} --threads {threads} "
        "--output /dev/null 2> {log}"


rule bootstrap:
    input:
        expand("results/{{alignment}}/bootstrap/{piece}.nwk", piece=REPLICATE_PIECES),
    output:
        "results/{alignment}/bootstrap.nwk",
    log:
        "logs/{alignment}/bootstrap.log",
    benchmark:
        "benchmarks/{alignment}/bootstrap.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "genem gather {input} --output {output} 2> {log}"


rule consensus:
    input:
        trees="results/{alignment}/bootstrap.nwk",
        warm="results/warm.done",
    output:
        tree="results/{alignment}/consensus.nwk",
        plot=report(
            f"results/{{alignment}}/consensus.{PICTURE}",
            caption="../report/consensus.rst",
            category="Tree",
            labels={
                "alignment": "{alignment}",
                "result": "consensus of the bootstrap",
            },
        ),
    log:
        "logs/{alignment}/consensus.log",
    benchmark:
        "benchmarks/{alignment}/consensus.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        min_share=config["min_share"],
    shell:
        "genem consensus {input.trees} --min-share {params.min_share} --midpoint --plot {output.plot} "
        "--output {output.tree} 2> {log}"
