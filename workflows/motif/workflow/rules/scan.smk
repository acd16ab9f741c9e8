# Where the motifs occur, in the sequences and in the control: a motif of the set has more sites there than here.
rule scan:
    input:
        motifs="results/{set}/motifs.meme",
        fasta=sequences_of,
        warm="results/warm.done",
    output:
        report(
            "results/{set}/scan.tsv.gz",
            caption="../report/scan.rst",
            category="Sites",
            labels={"set": "{set}", "result": "scan"},
        ),
    log:
        "logs/{set}/scan.log",
    benchmark:
        "benchmarks/{set}/scan.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=scan_options,
    shell:
        "genem scan {input.motifs} {input.fasta:q} {params.options} --threads {threads} --output {output} 2> {log}"


rule scan_control:
    input:
        motifs="results/{set}/motifs.meme",
        fasta=control_of,
        warm="results/warm.done",
    output:
        report(
            "results/{set}/scan_control.tsv.gz",
            caption="../report/scan.rst",
            category="Sites",
            labels={"set": "{set}", "result": "scan of the control"},
        ),
    log:
        "logs/{set}/scan_control.log",
    benchmark:
        "benchmarks/{set}/scan_control.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=scan_options,
    shell:
        "genem scan {input.motifs} {input.fasta:q} {params.options} --threads {threads} --output {output} 2> {log}"
