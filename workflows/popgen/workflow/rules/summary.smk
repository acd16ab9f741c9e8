# What people look at: the frequency spectrum, and a line per group for MultiQC.
rule spectrum:
    input:
        "results/{cohort}/freq.tsv.gz",
    output:
        report(
            "results/{cohort}/spectrum.{suffix}",
            caption="../report/spectrum.rst",
            category="Allele frequencies",
            labels={"cohort": "{cohort}", "result": "frequency spectrum"},
        ),
    log:
        "logs/{cohort}/spectrum.{suffix}.log",
    benchmark:
        "benchmarks/{cohort}/spectrum.{suffix}.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "genem gather {input} --output /dev/null --plot {output} 2> {log}"


rule multiqc:
    input:
        "results/{cohort}/freq.tsv.gz",
    output:
        report(
            "results/{cohort}/freq_mqc.tsv",
            caption="../report/multiqc.rst",
            category="Allele frequencies",
            labels={"cohort": "{cohort}", "result": "summary by group"},
        ),
    log:
        "logs/{cohort}/multiqc.log",
    benchmark:
        "benchmarks/{cohort}/multiqc.tsv"
    conda:
        "../envs/genem.yaml"
    threads: 1
    resources:
        mem_mb=200,
        runtime=10,
    shell:
        r"""
        gzip -dc {input} 2>{log} | awk -F '\t' -v OFS='\t' -v cohort={wildcards.cohort} '
            /^##/ {{ next }}
            !header {{ for (i = 1; i <= NF; i++) column[$i] = i; header = 1; next }}
            {{
                group = $column["GROUP"]
                if (!(group in variants)) order[++groups] = group
                variants[group]++
                called[group] += $column["N_CALLED"]; samples[group] += $column["N_SAMPLES"]
                split($column["HWE_P"], p, ","); smallest = 1
                for (i in p) if (p[i] != "NA" && p[i] < smallest) smallest = p[i]
                departing[group] += smallest < 1e-6
                n = split($column["STATUS"], status, ","); bad = 0
                for (i = 1; i <= n; i++) if (status[i] != "converged") bad = 1
                unconverged[group] += bad
            }}
            END {{
                print "# id: genem_freq_" cohort
                print "# section_name: genem allele frequencies: " cohort
                print "# plot_type: table"
                print "group", "variants", "call_rate", "hwe_p_below_1e-6", "not_converged"
                for (i = 1; i <= groups; i++) {{
                    g = order[i]
                    rate = samples[g] ? called[g] / samples[g] : 0
                    print g, variants[g], rate, departing[g] + 0, unconverged[g] + 0
                }}
            }}' >{output} 2>>{log}
        """
