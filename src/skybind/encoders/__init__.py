"""Encoders: the tensors of one modality -> features. One file an encoder, found by name."""

# Importing a file registers its encoder.
from skybind.encoders.attention_head import AttentionHead
from skybind.encoders.folded import FoldedCNN
from skybind.encoders.galspecnet import GalSpecNet
from skybind.encoders.head import Head
from skybind.encoders.informer import Informer
from skybind.encoders.mlp import MLP
from skybind.encoders.registry import (
    Encoder,
    build_encoder,
    encoder_names,
    encoder_options,
    register_encoder,
)
from skybind.encoders.resnet import ResNet, ResNet50
from skybind.encoders.specformer import SpecFormer
from skybind.encoders.spender import Spender
from skybind.encoders.vit import VisionTransformer
from skybind.modalities.shape import InputShape

__all__ = [
    "MLP",
    "AttentionHead",
    "Encoder",
    "FoldedCNN",
    "GalSpecNet",
    "Head",
    "Informer",
    "InputShape",
    "ResNet",
    "ResNet50",
    "SpecFormer",
    "Spender",
    "VisionTransformer",
    "build_encoder",
    "encoder_names",
    "encoder_options",
    "register_encoder",
]
