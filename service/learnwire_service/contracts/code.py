"""Where languages put the code that they make of a contract: the options of its file.

Those of `learnwire/v1/*.proto` follow the same pattern.
"""

from google.protobuf.descriptor_pb2 import FileOptions

from .names import pascal


def file_options(package: str, major: int) -> FileOptions:
    """Give the options of the file of a model's contract.

    In Objective-C, which has no packages, the prefix keeps models apart. In Java and Kotlin every
    message is a class of its own, and the file's class has a name that no message has.

    Args:
        package: what the model is called in the package, `penguins` in
            `learnwire.models.penguins.v1`.
        major: the number of the contract.
    """
    name, version = pascal(package), f"V{major}"
    return FileOptions(
        csharp_namespace=f"Learnwire.Models.{name}.{version}",
        go_package=f"learnwire/models/{package}/v{major};{package}v{major}",
        java_multiple_files=True,
        java_outer_classname=f"{name}ServiceProto",
        java_package=f"com.learnwire.models.{package}.v{major}",
        objc_class_prefix=f"LWR{name}{version}",
        php_namespace=f"Learnwire\\Models\\{name}\\{version}",
        ruby_package=f"Learnwire::Models::{name}::{version}",
    )
