"""Models of several quantitative trait loci: pairs, fits, selection, composite mapping."""
