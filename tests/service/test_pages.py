"""What is shown of saved models."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import learnwire_service as lw
from learnwire_client.page import as_text
from learnwire_service.signature.page import signature_page
from learnwire_service.store.manifest import File, Manifest
from learnwire_service.store.page import manifest_page
from learnwire_service.store.store import Version

IMAGE = lw.ArrayInput(
    dtype="uint8", shape=(-1, -1), axes=("height", "width"), encoded=True, typical_shape=(8, 8)
)


def signature(takes: Any) -> lw.Signature:
    return lw.Signature(input=takes, output=lw.SingleLabelOutput(classes=("<a>", "b\x1b[31m")))


def test_a_signature_is_a_page() -> None:
    page = as_text(signature_page(signature(IMAGE)))
    assert page == (
        "takes an image, encoded or as an array: uint8, height x width, typically [8, 8]\n"
        'answers one of <a>, "b\\u001b[31m"'
    )
    html = signature(IMAGE)._repr_html_()
    assert "answers one of &lt;a&gt;, " in html
    bare = IMAGE.model_copy(update={"encoded": False})
    assert as_text(signature_page(signature(bare))).startswith("takes an array: uint8")


def test_a_saved_model_is_a_page_for_notebooks(own_home: Path, shop: Any) -> None:
    model = lw.save_model("shop:v", shop, metadata={"<note>": "a & b"})
    html = model._repr_html_()
    assert html.startswith('<div style="white-space: pre-wrap"><strong>shop:v</strong><table>')
    assert "&lt;note&gt;" in html
    assert "a &amp; b" in html
    assert repr(model) == "Model('shop:v', takes tabular)"


def test_a_saved_model_of_images_says_so() -> None:
    manifest = Manifest(
        name="digits",
        version="v",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        verified=True,
        labels={},
        metadata={},
        library_versions={"numpy": "2", "\x1b[2J": "\n"},
        files={"x": File(sha256="", size=1)},
        signature=signature(IMAGE),
        adapter="vision",
    )
    page = as_text(manifest_page(manifest))
    assert "takes an image" in page
    assert 'saved with  "numpy 2, \\u001b[2J \\n"' in page
    assert (
        repr(lw.Model(Version(manifest, Path(), Path(), b""))) == "Model('digits:v', takes image)"
    )
