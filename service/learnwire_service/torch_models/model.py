"""A saved torch module: what its manifest says, and the way to run it."""

from typing import TYPE_CHECKING, Any

from ..common import memory
from ..common.choices import DeviceSetting, OnMismatch, PrecisionSetting
from ..common.errors import UnverifiedModel
from ..common.extras import needed_by
from ..common.habits import TO_RUNNER, habits
from ..common.limits import Limits
from ..common.settings import ServerSettings
from ..common.stages import stages
from ..store.in_use import Use
from ..store.loading import explained
from ..store.manifest import TorchManifest
from ..store.saved import Saved
from ..store.store import Version
from ..trust.running import Trust
from .runner import TorchRunner

if TYPE_CHECKING:
    from .calls import ModuleCalls

_OWN = Trust()


class TorchModel(Saved[TorchManifest]):
    """A saved version of a torch module."""

    def __init__(self, version: Version) -> None:
        super().__init__(version, TorchManifest)

    def load(self, on_mismatch: OnMismatch = "refuse", *, allow_unpickling: bool = False) -> Any:
        """Load the module, on the CPU in eval mode, after its files and answers have been checked.

        Args:
            on_mismatch: whether the example that is answered differently than at save is an
                error or a warning in the log.
            allow_unpickling: whether a version is loaded that is not the user's own: its pickle,
                or its factory, can run any code.

        Raises:
            UntrustedModel: it is not his own, and that is not allowed.
            CorruptModel: a file is missing or was altered.
            UnloadableModel: something that the module needs is not installed.
            GoldenMismatch: see `on_mismatch`.
        """
        trust = Trust(allow_unpickling)
        return self.load_calls(
            on_mismatch, "cpu", "fp32", allow_unverified=True, trust=trust
        ).module

    @memory.loading()
    def load_calls(
        self,
        on_mismatch: OnMismatch,
        device: DeviceSetting,
        precision: PrecisionSetting,
        max_rows: int = 1,
        *,
        allow_unverified: bool = False,
        trust: Trust = _OWN,
    ) -> "ModuleCalls":
        """Load the module to a device, ready to be called there; see `load`.

        Raises:
            UntrustedModel: it may not be served, or its code may not run; see Trust.
            NoSuchDevice: the device is not there.
            UnverifiedModel: it was saved without an example, and that is not allowed.
        """
        if not self.manifest.verified and not allow_unverified:
            raise UnverifiedModel(
                f"{self.tag} was saved without an example: nothing shows that it answers as at "
                "save; save it again with example=..., or serve it as it is: learnwire serve "
                "--allow-unverified, to_runner(allow_unverified=True)"
            )
        with needed_by(self.tag):
            from . import golden, modules
            from .calls import ModuleCalls
            from .devices import find_device
        place = find_device(device, precision)
        methods = self.manifest.methods
        with trust.checked(self.version) as version:
            self._check_code(trust)
            with stages(2) as stage, explained(self.manifest, version.directory, on_mismatch):
                stage(self.tag, "loading the module")
                module = modules.read(self.manifest.factory, version.directory)
                calls = ModuleCalls(module, methods, place, max_rows)
                if self.manifest.verified:
                    stage(self.tag, "asking its examples again")
                    golden.replay(calls, methods, golden.read(methods, version.directory))
        return calls

    def _check_code(self, trust: Trust) -> None:
        factory = self.manifest.factory
        runs = f"the factory {factory}" if factory else "its module, a pickle"
        named = [factory.partition(":")[0]] if factory else []
        trust.check_code(self.version, [runs], named)

    @habits(**TO_RUNNER)
    def to_runner(
        self,
        *,
        device: DeviceSetting | None = None,
        precision: PrecisionSetting | None = None,
        on_mismatch: OnMismatch | None = None,
        allow_unverified: bool | None = None,
        allow_unpickling: bool | None = None,
        limits: Limits | None = None,
    ) -> TorchRunner:
        """Make a runner, which loads the module when it is first asked.

        What is not said here, the server that serves the runner says; without one the
        defaults of ServerSettings hold.

        Usage: `logits = get("digits_module").to_runner(device="auto").run(images)`

        Args:
            device: `cpu`, `cuda`, or `auto`: cuda where there is one.
            precision: `fp32`, as it was saved; `fp16` or `bf16`, whose answers are float32 arrays
                all the same.
            on_mismatch: see `load`.
            allow_unverified: whether a module that was saved without an example is run.
            allow_unpickling: whether one is run that is not the user's own; see `load`.
            limits: bound batches, in rows, and the queue.
        """

        def load(settings: ServerSettings, max_rows: int) -> "ModuleCalls":
            allowed = settings.allow_unverified if allow_unverified is None else allow_unverified
            return self.load_calls(
                on_mismatch or settings.on_mismatch,
                device or settings.device,
                precision or settings.precision,
                max_rows,
                allow_unverified=allowed,
                trust=Trust.of(settings, allow_unpickling),
            )

        runner = TorchRunner(self.manifest, load, limits=limits)
        runner.show_use(Use(self.directory))
        return runner

    def __repr__(self) -> str:
        return f"TorchModel({self.tag!r}, has {', '.join(self.manifest.methods)})"
