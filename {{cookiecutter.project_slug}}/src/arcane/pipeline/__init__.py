"""The wiring: DVC decides what is stale, Prefect runs it, MLflow keeps its history. The science below knows none of them."""
