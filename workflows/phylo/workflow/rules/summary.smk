# A line for MultiQC: the best tree, and the tree of every search.
rule summary:
    input:
        best="results/{alignment}/best.json",
        searches=expand("results/{{alignment}}/searches/{search}.json", search=SEARCHES),
    output:
        report(
            "results/{alignment}/summary_mqc.tsv",
            caption="../report/summary.rst",
            category="Tree",
            labels={"alignment": "{alignment}", "result": "summary"},
        ),
    log:
        "logs/{alignment}/summary.log",
    benchmark:
        "benchmarks/{alignment}/summary.tsv"
    conda:
        "../../../common/envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "genem summary {input.best} {input.searches} --multiqc {wildcards.alignment} --output {output} 2> {log}"
