"""Who gets in by certificates, and who sees what operators see."""

import ssl
from pathlib import Path
from typing import Any

import httpx
import learnwire_service as lw
import pytest
import trustme
from learnwire_client import ChannelOptions, Client, PermissionDenied, Unauthenticated

from tests.access import AccessWriter
from tests.certificates import HERE, Files, chain, issued
from tests.conftest import Trained
from tests.end_to_end.test_server import await_event, process

CA = trustme.CA()
SPIFFE = "spiffe://example.org/billing"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.keep(CA.issue_cert(*HERE))
    made.trust(CA)
    return made


def showing(certificate: trustme.LeafCert, token: str | None = None) -> ChannelOptions:
    return ChannelOptions(
        tls=CA.cert_pem.bytes(),
        certificate=chain(certificate),
        private_key=certificate.private_key_pem.bytes(),
        token=token,
    )


def test_names_of_certificates_have_roles_as_tokens_do(
    trained: dict[str, Trained], files: Files, tmp_path: Path, penguins: Trained
) -> None:
    access = AccessWriter(tmp_path / "access.json")
    access.add("billing", "predict", certificate=SPIFFE)
    access.add("dashboard", "read", certificate="dashboard.example.org")
    token = access.token("ops", "read", "predict")
    billing = issued(CA, "dashboard.example.org", SPIFFE)
    dashboard, stranger = (CA.issue_cert(f"{name}.example.org") for name in ("dashboard", "other"))
    row = penguins.items[0]
    settings = {**files.server(mutual=True), "access": access.path}
    with lw.serving("penguins", host="localhost", **settings) as target:
        with Client(target, options=showing(billing)) as client:
            assert client.predict("penguins", row).label == penguins.predict(row)[0]
            # Its common name is not what counts.
            with pytest.raises(PermissionDenied, match="billing lacks the role read"):
                client.models()
        with Client(target, options=showing(dashboard)) as client:
            assert [one.name for one in client.models()] == ["penguins"]
            with pytest.raises(PermissionDenied, match="dashboard lacks the role predict"):
                client.predict("penguins", row)
        with (
            Client(target, options=showing(stranger)) as client,
            pytest.raises(PermissionDenied, match="certificate gives no role"),
        ):
            client.models()
        with Client(target, options=showing(stranger, token)) as client:
            assert client.models()
            assert client.predict("penguins", row).label


def test_whoever_has_a_certificate_predicts_and_reads_where_nothing_more_is_said(
    trained: dict[str, Trained], files: Files, penguins: Trained
) -> None:
    caller = CA.issue_cert("caller.example.org")
    with (
        lw.serving("penguins", host="localhost", **files.server(mutual=True)) as target,
        Client(target, options=showing(caller)) as client,
    ):
        assert client.models()
        assert client.predict("penguins", penguins.items[0]).label


def test_a_token_is_wanted_beside_a_certificate_where_only_tokens_have_roles(
    trained: dict[str, Trained], files: Files, tmp_path: Path
) -> None:
    access = AccessWriter(tmp_path / "access.json")
    token = access.token("shop", "read")
    caller = CA.issue_cert("caller.example.org")
    settings: dict[str, Any] = {**files.server(mutual=True), "access": access.path}
    with lw.serving("penguins", host="localhost", **settings) as target:
        with (
            Client(target, options=showing(caller)) as client,
            pytest.raises(Unauthenticated, match="wants a token beside the certificate"),
        ):
            client.models()
        with Client(target, options=showing(caller, token)) as client:
            assert client.models()


@pytest.mark.slow
def test_operators_see_metrics_by_a_token_and_probes_are_open(
    trained: dict[str, Trained], files: Files, tmp_path: Path
) -> None:
    access = AccessWriter(tmp_path / "access.json")
    tokens = {
        "reader": access.token("prometheus", "read"),
        "caller": access.token("shop", "predict"),
        "narrow": access.token("narrow", "read", models=["penguins"]),
    }
    flags = ["--access", str(access.path), *files.flags(mutual=True)]
    ports = ["--host", "localhost", "--port", "0", "--ops-port", "0"]
    trusting = ssl.create_default_context(cafile=str(files.ca))
    with process("penguins", "digits", *ports, *flags) as server:
        base = f"https://{await_event(server, 'ops listening')['target']}"
        await_event(server, "serving")
        with httpx.Client(base_url=base, verify=trusting, timeout=20) as browser:

            def status(path: str, name: str | None = None) -> int:
                shown = {"authorization": f"Bearer {tokens[name]}"} if name else {}
                return browser.get(path, headers=shown).status_code

            assert [status(path) for path in ("/livez", "/readyz")] == [200, 200]
            assert [status("/metrics", name) for name in (None, *tokens)] == [401, 200, 403, 403]
            asked = "/readyz?model=penguins"
            assert [status(asked, name) for name in (None, *tokens)] == [401, 200, 403, 200]
            assert status("/readyz?model=digits", "narrow") == 403
            wrong = browser.get("/metrics", headers={"authorization": "Bearer lw_wrong"})
            assert wrong.status_code == 401
            assert (
                "learnwire_items"
                in browser.get(
                    "/metrics", headers={"authorization": f"Bearer {tokens['reader']}"}
                ).text
            )
