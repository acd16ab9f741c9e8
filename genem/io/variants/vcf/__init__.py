"""VCF text."""
