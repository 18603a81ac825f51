"""Framing of one record as one line of JSON, and the hash that chains it to the line before.

The hash is blake2b-256, in hex, over the line without its ``"hash":"…",`` member and without its end of line:
every byte of a line is either hashed or is the hash. ``docs/journal.md`` has a verifier in twenty lines.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from msgspec import Struct

from engine.journal.errors import ChainError

VERSION = 1
_VERSION_DIGITS = b"%d" % VERSION
BODY_KIND = "Body"
DATA_BYTES_MAX = 16 * 1024 * 1024
"""The largest ``data`` of one record; a reader needs no more memory than a segment and one such record."""
MILLISECONDS_MAX = 2**53 - 1

_KIND = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_TRADER = r"[^\x00-\x1f\x7f\"\\]{1,128}"
_kind = re.compile(_KIND)
_trader = re.compile(_TRADER)
_hash = re.compile(r"[0-9a-f]{64}")
_envelope = re.compile(
    rb'\{"v":(?P<v>[0-9]{1,9}),"seq":(?P<seq>[1-9][0-9]{0,17}),"ts":(?P<ts>0|[1-9][0-9]{0,15}),'
    rb'"kind":"(?P<kind>' + _KIND.encode() + rb')",'
    rb'(?:"trader":"(?P<trader>[^\x00-\x1f\x7f"\\]{1,512})",)?'
    rb'"prev":"(?P<prev>[0-9a-f]{64})","hash":"(?P<hash>[0-9a-f]{64})","data":'
)


class Head(NamedTuple):
    """A place in the chain: everything up to ``seq`` is what ``hash`` says it is. Also what an anchor is."""

    seq: int
    hash: str


GENESIS = Head(0, "0" * 64)
"""The head of a journal without records: the first record has seq 1 and this ``prev``."""


class Frame(Struct, frozen=True, kw_only=True, gc=False):
    """One record as stored. ``ts`` is in ms UTC; ``data`` is the exact JSON object that was appended."""

    seq: int
    ts: int
    kind: str
    trader: str | None
    prev: str
    hash: str
    data: bytes

    @property
    def head(self) -> Head:
        return Head(self.seq, self.hash)


def frame(seq: int, ts: int, kind: str, trader: str | None, prev: str, data: bytes) -> tuple[bytes, str]:
    """The line (with its end of line) and the hash of one record.

    Raises ``ValueError`` for what no line can hold: seq or ts out of range, a kind or trader that would need escaping,
    data that is not one line beginning and ending with a brace.
    """
    if seq < 1 or not 0 <= ts <= MILLISECONDS_MAX:
        raise ValueError(f"seq was {seq} and ts {ts}; seq counts from 1, ts is ms UTC in 0..{MILLISECONDS_MAX}")
    if data[:1] != b"{" or data[-1:] != b"}" or b"\n" in data:
        raise ValueError(f"data of {kind} is not a JSON object on one line: {data[:60]!r}")
    if len(data) > DATA_BYTES_MAX:
        raise ValueError(f"data of {kind} has {len(data)} bytes, the limit is {DATA_BYTES_MAX}")
    if not _hash.fullmatch(prev):
        raise ValueError(f"prev was {prev!r}; a hash is 64 lower-case hex digits")
    envelope = b'{"v":%d,"seq":%d,"ts":%d,%b"prev":"%b",' % (VERSION, seq, ts, _label(kind, trader), prev.encode())
    hasher = blake2b(envelope + b'"data":', digest_size=32)
    hasher.update(data)
    hasher.update(b"}")
    digest = hasher.hexdigest()
    return b'%b"hash":"%b","data":%b}\n' % (envelope, digest.encode(), data), digest


@lru_cache(maxsize=1024)
def _label(kind: str, trader: str | None) -> bytes:
    if not _kind.fullmatch(kind):
        raise ValueError(f"kind was {kind!r}; a kind matches {_KIND}")
    if trader is None:
        return f'"kind":"{kind}",'.encode()
    if not _trader.fullmatch(trader):
        raise ValueError(
            f"trader was {trader!r}; a trader has 1 to 128 characters, no quote, backslash or control character"
        )
    return f'"kind":"{kind}","trader":"{trader}",'.encode()


@lru_cache(maxsize=1024)
def _word(kind: bytes) -> str:
    return kind.decode()


@lru_cache(maxsize=1024)
def _name_of_trader(trader: bytes) -> str:
    try:
        name = trader.decode()
    except UnicodeDecodeError as error:
        raise ChainError(f"not the framing of a record: the trader is not text: {error}") from error
    if not _trader.fullmatch(name):
        raise ChainError(f"not the framing of a record: trader was {name!r}; a trader has 1 to 128 characters")
    return name


def parse(line: bytes, expected_prev: str, expected_seq: int) -> Frame:
    """The record in ``line``, which is known to be the one that belongs after ``expected_prev``; else
    ``ChainError``.
    """
    found = parse_alone(line)
    if found.seq != expected_seq:
        raise ChainError(f"seq is {found.seq}, expected {expected_seq}: records are missing, repeated or out of order")
    if found.prev != expected_prev:
        raise ChainError(f"prev is {found.prev[:12]}…, but the record before has the hash {expected_prev[:12]}…")
    return found


def parse_alone(line: bytes) -> Frame:
    """The record in ``line``, true to its own hash, wherever in a chain it may belong; else ``ChainError``."""
    if line[-1:] != b"\n":
        raise ChainError("the line has no end")
    envelope = _envelope.match(line)
    if envelope is None:
        raise ChainError(f"not the framing of a record: {line[:60]!r}")
    version, seq_digits, ts_digits, kind, trader, prev, digest = envelope.groups()
    if version != _VERSION_DIGITS:
        raise ChainError(f"record version is {version.decode()}; this engine reads version {VERSION}")
    start, ts = envelope.end(), int(ts_digits)
    data = line[start:-2]
    if line[-2:-1] != b"}" or data[:1] != b"{" or data[-1:] != b"}" or b"\n" in data:
        raise ChainError(f"the line is not spelled the way a record is written: its data is {data[:60]!r}")
    if len(data) > DATA_BYTES_MAX or ts > MILLISECONDS_MAX:
        raise ChainError(f"not the framing of a record: {len(data)} bytes of data at {ts} ms, beyond what may be")
    hasher = blake2b(line[: envelope.start("hash") - len(b'"hash":"')], digest_size=32)
    hasher.update(b'"data":')
    hasher.update(line[start:-1])
    found, told = hasher.hexdigest(), digest.decode()
    if found != told:
        raise ChainError(f"its bytes have the hash {found[:12]}…, the line says {told[:12]}…")
    return Frame(
        seq=int(seq_digits),
        ts=ts,
        kind=_word(kind),
        trader=None if trader is None else _name_of_trader(trader),
        prev=prev.decode(),
        hash=told,
        data=data,
    )


def opening(segment_start: bytes) -> Head | None:
    """The head that the record at the beginning of ``segment_start`` follows, read from its envelope and not
    verified.
    """
    envelope = _envelope.match(segment_start)
    return None if envelope is None else Head(int(envelope["seq"]) - 1, envelope["prev"].decode())


def reference(body: bytes) -> str:
    """What a shared body is referred to by: blake2b-256 of its bytes, in hex."""
    return blake2b(body, digest_size=32).hexdigest()


_body = re.compile(rb'\{"ref":"(?P<ref>[0-9a-f]{64})","of":"(?P<of>' + _KIND.encode() + rb')","body":')


def body_data(ref: str, of: str, body: bytes) -> bytes:
    """The data of the record that stores ``body``; ``of`` says what kind of body it is, for people."""
    if not _kind.fullmatch(of):
        raise ValueError(f"kind of the body was {of!r}; a kind matches {_KIND}")
    return b'{"ref":"%b","of":"%b","body":%b}' % (ref.encode(), of.encode(), body)


def body_reference(frame: Frame) -> str | None:
    """The reference under which the record stores a body; None when it stores none."""
    found = _body.match(frame.data) if frame.kind == BODY_KIND else None
    return None if found is None else found["ref"].decode()


def body_of(frame: Frame) -> bytes:
    """The exact bytes of the body that a ``Body`` record stores; ``ChainError`` when they are not what its reference
    says.
    """
    found = _body.match(frame.data)
    if frame.kind != BODY_KIND or found is None:
        raise ChainError(f"record {frame.seq} of kind {frame.kind} stores no body")
    body = frame.data[found.end() : -1]
    if reference(body) != found["ref"].decode():
        raise ChainError(f"the body in record {frame.seq} is not the one that its reference names")
    return body
