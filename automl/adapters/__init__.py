"""The doors to other libraries; each vendor is imported by exactly one module here."""
