# LOD scores, thresholds and peaks; effects at the peaks, where the trait is normal.
rule scan:
    input:
        files=cross_files,
        permutations="results/{cross}/permutations.tsv.gz",
        warm="results/warm.done",
    output:
        lod="results/{cross}/lod.tsv.gz",
        thresholds=report(
            "results/{cross}/thresholds.tsv",
            caption="../report/thresholds.rst",
            category="Interval mapping",
            labels={"cross": "{cross}", "result": "thresholds"},
        ),
        peaks=report(
            "results/{cross}/peaks.tsv",
            caption="../report/peaks.rst",
            category="Interval mapping",
            labels={"cross": "{cross}", "result": "peaks"},
        ),
        plot=report(
            f"results/{{cross}}/lod.{config['plot_format']}",
            caption="../report/lod.rst",
            category="Interval mapping",
            labels={"cross": "{cross}", "result": "LOD curves"},
        ),
    log:
        "logs/{cross}/scan.log",
    benchmark:
        "benchmarks/{cross}/scan.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=cross_options,
        model=model_options,
        peaks=peak_options,
    shell:
        "genem qtl {params.options} {params.model} --with-permutations {input.permutations} {params.peaks} "
        "--thresholds {output.thresholds} --peaks {output.peaks} --plot {output.plot} "
        "--threads {threads} --output {output.lod} 2> {log}"


rule effects:
    input:
        files=cross_files,
        permutations="results/{cross}/permutations.tsv.gz",
        warm="results/warm.done",
    output:
        table=report(
            "results/{cross}/effects.tsv",
            caption="../report/effects.rst",
            category="Effects",
            labels={"cross": "{cross}", "result": "table"},
        ),
        plot=report(
            f"results/{{cross}}/effects.{config['plot_format']}",
            caption="../report/effects.rst",
            category="Effects",
            labels={"cross": "{cross}", "result": "genotype means"},
        ),
    log:
        "logs/{cross}/effects.log",
    benchmark:
        "benchmarks/{cross}/effects.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        options=cross_options,
        model=model_options,
        peaks=peak_options,
    shell:
        "genem qtl {params.options} {params.model} --with-permutations {input.permutations} {params.peaks} "
        "--effects {output.table} --effect-plot {output.plot} "
        "--threads {threads} --output /dev/null 2> {log}"
