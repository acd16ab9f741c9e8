# The search, and the same search of controls, whose numbers are shared out among jobs: the controls of a job depend on
# their numbers only, and the p-values are those of a single run.
CONTROL_PIECES = range(config["pieces"] if config["controls"] else 0)


rule controls:
    input:
        fasta=sequences_of,
        control=set_file("control"),
        warm="results/warm.done",
    output:
        temp("results/{set}/controls/{piece}.tsv"),
    log:
        "logs/{set}/controls.{piece}.log",
    benchmark:
        "benchmarks/{set}/controls.{piece}.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=motif_options,
        controls=control_range,
    shell:
        "genem motif {input.fasta:q} {params.options} {params.controls} --threads {threads} "
        "--write-controls {output} 2> {log}"


rule controls_gather:
    input:
        expand("results/{{set}}/controls/{piece}.tsv", piece=CONTROL_PIECES),
    output:
        "results/{set}/controls.tsv",
    log:
        "logs/{set}/controls_gather.log",
    benchmark:
        "benchmarks/{set}/controls_gather.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "genem gather {input} --output {output} 2> {log}"


rule discovery:
    input:
        fasta=sequences_of,
        control=set_file("control"),
        controls="results/{set}/controls.tsv" if config["controls"] else [],
        warm="results/warm.done",
    output:
        motifs="results/{set}/motifs.meme",
        sites="results/{set}/sites.tsv",
        bed="results/{set}/sites.bed",
        html=report(
            "results/{set}/report.html",
            caption="../report/motifs.rst",
            category="Motifs",
            labels={"set": "{set}", "result": "report"},
        ),
        logos=report(
            f"results/{{set}}/logos.{PICTURE}",
            caption="../report/logos.rst",
            category="Motifs",
            labels={"set": "{set}", "result": "logos"},
        ),
        site_map=report(
            f"results/{{set}}/site_map.{PICTURE}",
            caption="../report/site_map.rst",
            category="Motifs",
            labels={"set": "{set}", "result": "site map"},
        ),
    log:
        "logs/{set}/discovery.log",
    benchmark:
        "benchmarks/{set}/discovery.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=motif_options,
        coordinates=coordinates_option,
        controls=lambda wildcards, input: (
            f"--with-controls {quote(input.controls)}"
            if input.controls
            else "--controls 0"
        ),
    shell:
        "genem motif {input.fasta:q} {params.options} {params.controls} --threads {threads} "
        "--output {output.motifs} --sites {output.sites} --bed {output.bed} {params.coordinates} --html {output.html} "
        "--logo {output.logos} --site-map {output.site_map} 2> {log}"


rule compare:
    input:
        motifs="results/{set}/motifs.meme",
        database=DATABASE or [],
        warm="results/warm.done",
    output:
        report(
            "results/{set}/known.tsv",
            caption="../report/known.rst",
            category="Motifs",
            labels={"set": "{set}", "result": "known motifs"},
        ),
    log:
        "logs/{set}/compare.log",
    benchmark:
        "benchmarks/{set}/compare.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "genem compare {input.motifs} {input.database:q} --threads {threads} --output {output} 2> {log}"
