# Searches with seeds of their own, in jobs of their own, and the best of their trees. A search that was interrupted goes on
# from its checkpoint.
rule search:
    input:
        files=input_files,
        model=model_file,
        warm="results/warm.done",
    output:
        tree="results/{alignment}/searches/{search}.nwk",
        report="results/{alignment}/searches/{search}.json",
    log:
        "logs/{alignment}/search.{search}.log",
    benchmark:
        "benchmarks/{alignment}/search.{search}.tsv"
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
        starts=config["search"]["starts"],
        seed=search_seed,
        checkpoint="results/{alignment}/searches/{search}.checkpoint.json",
    shell:
        "genem phylo {params.options} {params.model} {params.search} --starts {params.starts} --seed {params.seed} "
        "--checkpoint {params.checkpoint} --skip-errors --report {output.report} --threads {threads} "
        "--output {output.tree} 2> {log} && rm {params.checkpoint}"


rule best:
    input:
        files=input_files,
        model=model_file,
        trees=expand("results/{{alignment}}/searches/{search}.nwk", search=SEARCHES),
        warm="results/warm.done",
    output:
        tree="results/{alignment}/best.nwk",
        report=report(
            "results/{alignment}/best.json",
            caption="../report/best.rst",
            category="Tree",
            labels={"alignment": "{alignment}", "result": "likelihood and parameters"},
        ),
        sites="results/{alignment}/site_log_likelihoods.tsv.gz",
    log:
        "logs/{alignment}/best.log",
    benchmark:
        "benchmarks/{alignment}/best.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=input_options,
        model=model_option,
        trees=lambda wildcards, input: " ".join(
            f"--tree {quote(tree)}" for tree in input.trees
        ),
    shell:
        "genem phylo {params.options} {params.model} {params.trees} --evaluate --best --threads {threads} "
        "--report {output.report} --site-loglik {output.sites} --output {output.tree} 2> {log}"


rule snp_alignment:
    input:
        files=input_files,
        model=model_file,
        tree="results/{alignment}/best.nwk",
        warm="results/warm.done",
    output:
        "results/{alignment}/alignment.fa",
    log:
        "logs/{alignment}/snp_alignment.log",
    benchmark:
        "benchmarks/{alignment}/snp_alignment.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=input_options,
        model=model_option,
    shell:
        "genem phylo {params.options} {params.model} --tree {input.tree} --evaluate --threads {threads} "
        "--alignment-out {output} --output /dev/null 2> {log}"
