"""The wiring: DVC decides what is stale, Prefect runs it, MLflow keeps its history. The rooms below know none."""
