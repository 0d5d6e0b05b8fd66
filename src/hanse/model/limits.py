"""Bounds and knobs that flows obey; filled from the settings at start."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a caller may send or keep; sizes in bytes, times in seconds.

    Every field has a setting of the same name (docs/settings.md).
    """

    max_json_bytes: int = 4 * MIB
    max_commit_bytes: int = 512 * MIB  # one NDJSON commit body, base64 included
    max_commit_operations: int = 25_000
    max_regular_bytes: int = 16 * MIB  # one file sent inside a commit
    lfs_threshold_bytes: int = 10 * MIB  # larger files are always LFS
    max_file_bytes: int = 5 * 1024 * GIB
    max_shard_bytes: int = 64 * MIB
    default_quota_bytes: int = 0  # 0: unlimited
    max_staged_bytes_per_account: int = 64 * GIB  # uploads to others' repositories, not committed yet; 0: unlimited
    retention_seconds: int = 90 * 86400
    garbage_seconds: int = 28 * 86400
    url_ttl_seconds: int = 3600
    token_ttl_seconds: int = 900
    lfs_part_bytes: int = 64 * MIB
    upload_ttl_seconds: int = 7 * 86400
    publish_timeout_seconds: int = 60
    evaluation_seconds: int = 86400  # longest that an evaluation may run which was asked for over HTTP; 0: nobody may ask
    rate_api: int = 5000  # requests per 300 s and principal or address; 0: unlimited
    rate_files: int = 100_000  # requests for files per 300 s and principal or address; 0: unlimited
    rate_tokens: int = 600  # Xet token requests per 300 s and principal
