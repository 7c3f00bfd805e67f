"""A process in the jail that runs what it is told, as an unpickled learner would.

Usage: `jail.run(code_cell.__name__, {"task": "run", "code": "..."}, stage)`
"""

import json

from learnwire_service.trust import cell


def _run(cell: cell.Cell) -> str:
    cell.bound()
    names = {"cell": cell, **cell.order.get("names", {})}
    exec(cell.order["code"], names)  # it is a test's
    return json.dumps(names.get("answer"))


if __name__ == "__main__":
    cell.main({"run": _run})
