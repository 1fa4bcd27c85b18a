"""First weights: He for rectifiers, Glorot for tanh, small for the layer that makes the outputs."""

import torch
from torch import nn

OUTPUT_GAIN = 0.1


def initialise(network: nn.Module, activation: str) -> None:
    """Draw the weights of every layer, in order, from torch's global generator.

    Convolutions and dense layers: He normal (arXiv:1502.01852) for relu and gelu, Glorot normal (Glorot and Bengio
    2010) for tanh and where a layer says `glorot` because no rectifier follows it; biases zero. A layer that carries
    `residual_scale` is scaled by it. The last dense layer makes the outputs and no rectifier follows it: Glorot times
    0.1, so that the loss starts at ln K, or at the targets' variance (He there starts LeNet near ln K + 1, which hides
    a real mistake).
    """
    kinds = nn.Conv1d | nn.Conv2d | nn.Linear | nn.LSTM | nn.Embedding
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    output = next((layer for layer in reversed(layers) if isinstance(layer, nn.Linear)), None)
    for layer in layers:
        if isinstance(layer, nn.LSTM):
            initialise_lstm(layer)
        elif isinstance(layer, nn.Embedding):
            initialise_embedding(layer)
        elif layer is output:
            nn.init.xavier_normal_(layer.weight, gain=OUTPUT_GAIN)
        elif activation == "tanh" or getattr(layer, "glorot", False):
            nn.init.xavier_normal_(layer.weight, gain=getattr(layer, "residual_scale", 1.0))
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            layer.weight.data.mul_(getattr(layer, "residual_scale", 1.0))
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def initialise_lstm(layer: nn.LSTM) -> None:
    """Glorot normal for each gate's own matrix; biases zero, but one for the forget gate.

    A cell that forgets half at each step from the start learns nothing over long times (Gers et al. 2000; Jozefowicz et
    al. 2015 found that a forget bias of one mends most of what plain LSTMs lack).
    """
    for name, parameter in layer.named_parameters():
        gates = parameter.detach().chunk(4)  # input, forget, cell, output
        for gate in gates:
            nn.init.xavier_normal_(gate) if "weight" in name else nn.init.zeros_(gate)
        if name.startswith("bias_ih"):
            nn.init.ones_(gates[1])


def initialise_embedding(layer: nn.Embedding) -> None:
    """Normal, so that a category's vector is as long as a standardised number is large; zero for an unknown one."""
    with torch.no_grad():
        nn.init.normal_(layer.weight, std=layer.embedding_dim**-0.5)
        if layer.padding_idx is not None:
            layer.weight[layer.padding_idx].zero_()
