"""A certificate authority for one session: its key is in this process's memory, and dies with it.

Trusted inside that session's sandbox alone, by a bundle of the system's roots and this one.
"""

from __future__ import annotations

import datetime as dt
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nbkeep import wholefile

if TYPE_CHECKING:
    from nbkeep.model.clock import Clock

BUNDLE_NAME = "ca-bundle.pem"
_AUTHORITY_DAYS, _LEAF_DAYS = 400, 7  # longer than any session may last; the key ends with the session anyway
_BACK = dt.timedelta(hours=1)  # clocks inside and outside are the same; programs round
_RENEW = dt.timedelta(days=1)
_MOST_NAMES = 100
# Where Debian and Red Hat, and their kin, keep them.
_ROOTS = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))


class Authority:
    """Signs certificates for hosts of one session. `pem`: what is to be trusted."""

    def __init__(self, session_id: str, clock: Clock) -> None:
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"nbkeep session {session_id}")
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._issuer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[str, tuple[dt.datetime, ssl.SSLContext]] = {}
        builder = (
            self._builder(self._name, self._key.public_key(), _AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(key_id, critical=False)
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, host: str) -> ssl.SSLContext:
        """Return how this host is played towards the session."""
        now = self._clock.now()
        found = self._contexts.get(host)
        if found is not None and now - found[0] < _RENEW:
            return found[1]
        if len(self._contexts) >= _MOST_NAMES:
            self._contexts.clear()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        _load(context, self._leaf(host))
        self._contexts[host] = (now, context)
        return context

    def _leaf(self, host: str) -> bytes:
        builder = (
            self._builder(_name(host[:64]), self._leaf_key.public_key(), _LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._leaf_key.public_key()), critical=False
            )
            .add_extension(self._issuer_id, critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        private = self._leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private + certificate.public_bytes(serialization.Encoding.PEM)

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = self._clock.now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACK)
            .not_valid_after(now + dt.timedelta(days=days))
        )


def write_bundle(folder: Path, roots: str, authority: Authority | None) -> None:
    """Put what a session's programs trust into its folder, in one step; raises OSError."""
    text = roots if authority is None else f"{roots}\n# nbkeep, for this session alone\n{authority.pem}"
    wholefile.write(folder / BUNDLE_NAME, text, mode=0o644)


def system_roots(extra: Path | None = None) -> str:
    """Return this machine's roots, and those of an organisation's own file, as PEM; raises OSError."""
    return "\n".join(file.read_text() for file in root_files(extra))


def upstream_context(extra: Path | None = None) -> ssl.SSLContext:
    """Return how servers are verified: against the same. Raises OSError."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for file in root_files(extra):
        context.load_verify_locations(file)
    return context


def root_files(extra: Path | None) -> list[Path]:
    """Return the files of the roots by which servers are verified."""
    own = ssl.get_default_verify_paths().cafile
    known = [*([Path(own)] if own else []), *_ROOTS, Path(certifi.where())]
    found = next(one for one in known if one.is_file())
    return [found] if extra is None else [found, extra]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Load key and certificate; the ssl module takes files only, so this one is in memory."""
    descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
