"""Site designs: documents in, an effective site and findings out. Pure; no input or output."""
