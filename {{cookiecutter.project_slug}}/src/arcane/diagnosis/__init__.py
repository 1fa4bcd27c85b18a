"""Where the error comes from: the examination before training, baselines, the decomposition and the error analysis."""
