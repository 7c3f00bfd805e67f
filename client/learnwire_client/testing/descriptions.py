"""Descriptions of the models that a test answers for."""

from learnwire.v1 import model_service_pb2 as pb

from ..model import Model
from ..prediction import Mask, MultiLabel, Points, Regression, Several, SingleLabel
from .script import Said

_VERSION = "test"


def described(name: str, said: Said, model: "Model | pb.Model | None") -> pb.Model:
    """Describe a model: as the test does, or else as far as a fixed answer tells."""
    message = pb.Model()
    if model is not None:
        message.CopyFrom(model.message if isinstance(model, Model) else model)
    else:
        _tell_output(message, said)
    message.name = name
    message.version = message.version or _VERSION
    if not message.versions:
        message.versions.add(version=message.version, state=pb.MODEL_STATE_READY)
    return message


def _tell_output(message: "pb.Model | pb.Output", answer: Said) -> None:
    match answer:
        case SingleLabel():
            message.single_label.SetInParent()
            message.single_label.classes.extend(answer.classes)
        case MultiLabel():
            message.multi_label.threshold = 0.5
            message.multi_label.classes.extend(answer.classes)
        case Regression():
            message.regression.targets.extend(f"target_{i}" for i in range(len(answer.label)))
        case Mask():
            message.arrays.names.extend(["mask", "probabilities"])
        case Points():
            message.arrays.names.extend(["points", "decoded", "raw"])
        case Several() if isinstance(message, pb.Model):
            for head in answer.heads:
                _tell_output(message.several.outputs.add(), head)
