"""Files as such: compression, outputs that are whole or absent, pages."""
