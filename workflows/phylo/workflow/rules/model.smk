# The model of substitution, where the configuration leaves it open. One quick climb is enough to compare models.
rule model:
    input:
        files=input_files,
        warm="results/warm.done",
    output:
        report="results/{alignment}/model.json",
        table=report(
            "results/{alignment}/models.tsv",
            caption="../report/models.rst",
            category="Model",
            labels={"alignment": "{alignment}", "result": "models"},
        ),
    log:
        "logs/{alignment}/model.log",
    benchmark:
        "benchmarks/{alignment}/model.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        options=input_options,
        choice=choice_options,
    shell:
        "genem phylo {params.options} {params.choice} --starts 1 --strategy nni --skip-errors --threads {threads} "
        "--model-table {output.table} --report {output.report} --output /dev/null 2> {log}"
