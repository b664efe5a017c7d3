"""nbkeep: a governed notebook environment (the control plane)."""
