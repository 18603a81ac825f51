"""One answer in plain, gzip and zstd, prepared once, into which a request only splices the server's time.

The body is a JSON object whose last key is ``serverTime``. Everything before its value is prepared; per request there
are fourteen more bytes. They go after a prepared gzip or zstd stream too, because both formats know blocks of stored
bytes: RFC 1952 and 1951 (3.2.4) with the checksum continued, RFC 8878 (3.1.1.2.2) without one.
"""

import zlib
from hashlib import blake2b
from typing import Final, Literal

import zstandard
from msgspec import Struct

Encoding = Literal["identity", "gzip", "zstd"]

_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_ZSTD_LEVEL: Final = 3
_GZIP_LEVEL: Final = 6
_GZIP_LEVEL_LARGE: Final = 4
_LARGE_BYTES: Final = 512 * 1024


class Body(Struct, frozen=True, kw_only=True):
    """``etag`` is weak and over the data alone, so that it stays when only the time has moved on."""

    etag: bytes
    stamped: bool
    plain: bytes
    gzip: bytes
    zstd: bytes
    checksum: int

    def parts(self, encoding: Encoding, now_ms: int) -> tuple[bytes, bytes]:
        """What was prepared and what follows it, to be sent one after the other."""
        tail = b"%d}" % now_ms if self.stamped else b"}"
        match encoding:
            case "identity":
                return self.plain, tail
            case "gzip":
                checksum = zlib.crc32(tail, self.checksum)
                size = len(self.plain) + len(tail)
                length = len(tail)
                return self.gzip, b"\x01%b%b%b%b%b" % (
                    length.to_bytes(2, "little"),
                    (length ^ 0xFFFF).to_bytes(2, "little"),
                    tail,
                    checksum.to_bytes(4, "little"),
                    (size & 0xFFFFFFFF).to_bytes(4, "little"),
                )
            case "zstd":
                return self.zstd, (len(tail) << 3 | 1).to_bytes(3, "little") + tail


def prepare_body(document: bytes, *, stamped: bool = True) -> Body:
    """``document``: a compact JSON object without ``serverTime``. ``stamped``: whether answers carry one."""
    plain = document[:-1]
    if stamped:
        plain += b'"serverTime":' if plain == b"{" else b',"serverTime":'
    level = _GZIP_LEVEL_LARGE if len(plain) > _LARGE_BYTES else _GZIP_LEVEL
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    # Flushed to a byte boundary without ending the stream; the size is left out because it is not known yet.
    zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_content_size=False, write_checksum=False).compressobj()
    return Body(
        etag=b'W/"%b"' % blake2b(plain, digest_size=12).hexdigest().encode(),
        stamped=stamped,
        plain=plain,
        gzip=_GZIP_HEADER + deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH),
        zstd=zstd.compress(plain) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        checksum=zlib.crc32(plain),
    )
