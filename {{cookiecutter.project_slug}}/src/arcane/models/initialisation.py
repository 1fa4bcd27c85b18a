"""First weights: He for rectifiers, Glorot for tanh, small for the layer that makes the logits."""

from torch import nn

OUTPUT_GAIN = 0.1


def initialise(network: nn.Module, activation: str) -> None:
    """Draw the weights of every convolution and dense layer, in order, from torch's global generator.

    He normal (arXiv:1502.01852) for relu and gelu, Glorot normal (Glorot and Bengio 2010) for tanh; biases zero. A
    layer that carries `residual_scale` is scaled by it. The last dense layer makes the logits and no rectifier
    follows it: Glorot times 0.1, so that the loss starts at ln K (He there starts LeNet near ln K + 1, which hides a
    real mistake).
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    output = next((layer for layer in reversed(layers) if isinstance(layer, nn.Linear)), None)
    for layer in layers:
        if layer is output:
            nn.init.xavier_normal_(layer.weight, gain=OUTPUT_GAIN)
        elif activation == "tanh":
            nn.init.xavier_normal_(layer.weight, gain=getattr(layer, "residual_scale", 1.0))
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layer.weight.data.mul_(getattr(layer, "residual_scale", 1.0))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
