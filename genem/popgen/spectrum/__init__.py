"""Site frequency spectra and diversity."""
