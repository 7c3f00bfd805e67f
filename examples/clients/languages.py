"""The languages: what each client's tools are, how it is built and how it is run."""

import shutil
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent


@dataclass(frozen=True)
class Language:
    """A language with a folder here, and the script `build.sh PROTOS` in it.

    Attributes:
        name: what it is called.
        first: commands of the shortest programs, which print the label of a text and nothing
            else; they take what `generic` does.
        generic: commands of the clients of `learnwire.v1`, to be run in a built copy of the
            folder; each takes the server's target as one more argument.
        typed: the same of the clients of the models' own contracts.
        needs: programs, and files by their absolute paths.
        get: how to get them.
        http: as `typed`, of those that speak HTTP; each takes where the server does.
        folder: its name, where it is another one's.
    """

    name: str
    first: tuple[tuple[str, ...], ...]
    generic: tuple[tuple[str, ...], ...]
    typed: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...]
    get: str
    http: tuple[tuple[str, ...], ...] = ()
    folder: str = ""

    @property
    def sources(self) -> Path:
        """The folder."""
        return SOURCES / (self.folder or self.name)

    def missing(self) -> list[str]:
        """List what it needs and is not on this machine."""
        return [need for need in self.needs if not _is_here(need)]


def _is_here(need: str) -> bool:
    return Path(need).exists() if need.startswith("/") else shutil.which(need) is not None


_CONNECT = ("node", "dist/src/typed-connect.js")
_PYTHON = ("env", "PYTHONPATH=gen", ".venv/bin/python", "-W", "error")
_JARS = [
    f"/usr/share/java/{name}.jar"
    for name in (
        *("grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf"),
        *("grpc-protobuf-lite", "grpc-stub", "gson", "guava", "netty-buffer", "netty-codec"),
        *("netty-codec-http", "netty-codec-http2", "netty-common", "netty-handler"),
        *("netty-resolver", "netty-transport", "perfmark-api", "protobuf"),
    )
]
_JAVA = ("java", "-cp", ":".join(("classes", *_JARS)))
_RUBY = ("ruby", "-W", "-I", "gen")

LANGUAGES = (
    Language(
        "python",
        first=((*_PYTHON, "first.py"),),
        generic=((*_PYTHON, "client.py"),),
        typed=((*_PYTHON, "typed.py"),),
        needs=("python3",),
        get="apt-get install python3-venv",
    ),
    Language(
        "node",
        first=(("node", "dist/src/first-grpc-js.js"), ("node", "dist/src/first-connect.js")),
        generic=(("node", "dist/src/grpc-js.js"), ("node", "dist/src/connect.js")),
        typed=(("node", "dist/src/typed-grpc-js.js"), (*_CONNECT, "grpc")),
        http=tuple((*_CONNECT, how) for how in ("connect", "connect-json", "grpc-web")),
        needs=("node", "npm"),
        get="Node 20 or newer, with npm",
    ),
    Language(
        "browser",
        first=(),
        generic=(),
        typed=(),
        http=tuple(("node", "dist/src/browser.js", how) for how in ("connect", "grpc-web")),
        folder="node",
        needs=("node", "npm", "chromium"),
        get="apt-get install chromium; Node 20 or newer, with npm",
    ),
    Language(
        "go",
        first=(("bin/first",),),
        generic=(("bin/client",),),
        typed=(("bin/typed",),),
        needs=(
            *("go", "protoc-gen-go", "protoc-gen-go-grpc"),
            "/usr/share/gocode/src/google.golang.org/grpc",
            "/usr/share/gocode/src/google.golang.org/protobuf",
        ),
        get="apt-get install golang-go golang-google-grpc-dev "
        "golang-github-golang-protobuf-1-5-dev protoc-gen-go protoc-gen-go-grpc",
    ),
    Language(
        "cpp",
        first=(("./first",),),
        generic=(("./client",),),
        typed=(("./typed",),),
        needs=("g++", "make", "pkg-config", "protoc", "grpc_cpp_plugin", "/usr/include/grpcpp"),
        get="apt-get install g++ make pkg-config libgrpc++-dev protobuf-compiler-grpc",
    ),
    Language(
        "java",
        first=((*_JAVA, "First"),),
        generic=((*_JAVA, "Client"),),
        typed=((*_JAVA, "Typed"),),
        needs=(
            *("javac", "protoc", "grpc_java_plugin", *_JARS),
            "/usr/share/java/geronimo-annotation-1.3-spec.jar",  # @Generated
        ),
        get="apt-get install default-jdk-headless protobuf-compiler "
        "protobuf-compiler-grpc-java-plugin libgrpc-java libprotobuf-java libnetty-java "
        "libgoogle-gson-java libguava-java libperfmark-java libgeronimo-annotation-1.3-spec-java",
    ),
    Language(
        "ruby",
        first=((*_RUBY, "first.rb"),),
        generic=((*_RUBY, "client.rb"),),
        typed=((*_RUBY, "typed.rb"),),
        # Its files stand below the versions of Ruby and of gRPC.
        needs=("ruby", "protoc", "grpc_ruby_plugin", "/usr/share/doc/ruby-grpc"),
        get="apt-get install ruby-grpc protobuf-compiler protobuf-compiler-grpc",
    ),
)
