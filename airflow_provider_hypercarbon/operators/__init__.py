"""Tasks that export and report."""
