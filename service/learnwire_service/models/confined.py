"""A process in the jail: saves or seals a Learner, or proves what another one left.

Usage: `Jail.run("learnwire_service.models.confined", {"task": "save", ...}, stage)`
"""

from pathlib import Path

from ..trust import cell
from ..trust.cell import Cell


def _save(cell: Cell) -> str:
    """Make a version's files of an export; give what is known of it."""
    from ..learners.training_libraries import import_fastai
    from ..store.tag import Tag
    from .making import described, make

    order, tag = cell.order, Tag.parse(cell.order["tag"])
    cell.stage(tag.name, "importing fastai")
    import_fastai()
    from ..learners import export

    cell.bound()
    cell.stage(tag.name, f"loading {Path(order['export']).name}")
    learner = export.load(Path(order["export"]))
    adapter, live = described(
        learner, None, None, order["unknown_categories"], order["nulls"], order["private"]
    )
    made = make(tag, adapter, live, Path(order["out"]), cell.stage)
    return made.model_dump_json()


def _seal(cell: Cell) -> str:
    """Seal a saved version; give what came of it."""
    from ..learners.training_libraries import import_fastai

    import_fastai()
    from ..learners.sealing import seal
    from ..store.manifest import MANIFEST_FILE, read_manifest
    from ..store.store import Version
    from ..store.tag import Tag
    from ..trust.running import Trust
    from .model import Model

    directory = Path(cell.order["version"])
    written = (directory / MANIFEST_FILE).read_bytes()
    manifest = read_manifest(written, Tag(directory.parent.name, directory.name))
    model = Model(Version(manifest, directory, directory.parents[2], written))
    cell.bound()
    cell.stage(model.manifest.name, "loading the Learner")
    # Where nothing can be harmed, all may run.
    adapter = model.load_adapter(trust=Trust(allow_unpickling=True))
    cell.stage(model.manifest.name, "sealing it")
    return seal(adapter, model.examples(), Path(cell.order["out"])).model_dump_json()


def _prove(cell: Cell) -> str:
    """Let what is sealed answer the golden examples, in a process that never unpickled."""
    from ..sealed import golden
    from ..sealed.loading import sealed_plan
    from ..sealed.proof import prove
    from ..sealed.recipe import read_recipe
    from ..signature.specs import Signature
    from ..store.manifest import Sealed

    directory = Path(cell.order["version"])
    signature = Signature.model_validate_json(cell.order["signature"])
    cell.bound()
    plan = sealed_plan(signature, read_recipe(directory), directory)
    proof = prove(plan, golden.read(directory, signature.output), whole=True)
    return Sealed(plan=plan.name, proof=proof).model_dump_json()


if __name__ == "__main__":
    cell.main({"save": _save, "seal": _seal, "prove": _prove})
