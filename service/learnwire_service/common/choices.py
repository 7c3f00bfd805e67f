"""What some settings choose among."""

from typing import Literal

OnMismatch = Literal["refuse", "warn"]
# What becomes of a null in a category where training had none.
Nulls = Literal["refuse", "allow"]
# What becomes of a category that training did not have.
UnknownCategories = Literal["warn", "refuse"]
# What becomes of a call of a model that was unloaded.
OnUnloaded = Literal["wait", "refuse"]
DeviceSetting = Literal["cpu", "cuda", "auto"]
PrecisionSetting = Literal["fp32", "fp16", "bf16"]
