"""A private certificate authority for tests, and nginx in front of a node."""

from __future__ import annotations

import ipaddress
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.ports import own_port


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the authority's certificate, and a server certificate for 127.0.0.1 with its key."""

    authority: Path
    certificate: Path
    key: Path


def private_authority(folder: Path) -> Certificates:
    """Make a certificate authority and a server certificate for 127.0.0.1 and localhost."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    ca = _builder(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca_signed = ca.add_extension(usage, critical=True).sign(ca_key, hashes.SHA256())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    server = _builder(name, ca_name, server_key).add_extension(names, critical=False)
    signed = server.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    paths = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    paths.authority.write_bytes(ca_signed.public_bytes(pem))
    paths.certificate.write_bytes(signed.public_bytes(pem))
    plain = serialization.NoEncryption()
    paths.key.write_bytes(server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return paths


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )


_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} {ssl};
    {certificates}
    client_max_body_size 0;
    location / {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_request_buffering off;
      proxy_buffering off;
    }}
    location /_hanse_objects/ {{
      internal; sendfile on; alias {objects}/;
      etag off; add_header ETag $upstream_http_etag; add_header X-Repo-Commit $upstream_http_x_repo_commit;
      add_header X-Content-Type-Options nosniff; add_header Content-Security-Policy "default-src 'none'; sandbox";
    }}
    location /_static/ {{ sendfile on; alias {folder}/html/; }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, upstream: str, objects: Path, *, tls: Certificates | None = None, user: str = "") -> Iterator[str]:
    """Run nginx in front of `upstream` and yield its address; it sends X-Accel-Redirect bodies from `objects`."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    folder.mkdir(parents=True, exist_ok=True)
    port = own_port()
    certificates = f"ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key};" if tls else ""
    text = _NGINX.format(
        folder=folder, port=port, ssl="ssl" if tls else "", certificates=certificates, upstream=upstream, objects=objects
    )
    (folder / "nginx.conf").write_text(user + text)
    process = subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    try:
        _wait(port, process)
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=120)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError("nginx did not start")
