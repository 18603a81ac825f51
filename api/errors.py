"""What can go wrong between a request and its answer, and how it is told in JSON."""

from typing import Literal

import msgspec
from msgspec import Struct

ErrorCode = Literal["INVALID_PARAMETER", "NOT_FOUND", "METHOD_NOT_ALLOWED", "INTERNAL_ERROR"]


class ErrorDetail(Struct, frozen=True, kw_only=True):
    code: ErrorCode
    message: str


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The body of every answer that is not 200 or 304."""

    error: ErrorDetail


class ApiError(Exception):
    """The root of this package's own errors."""


class ParameterError(ApiError):
    """A query parameter that cannot be understood; the message says which, what was found and what would do."""


class SourceError(ApiError):
    """The data source cannot be read now. What was served last goes on being served."""


class ConfigError(ApiError):
    """The settings file cannot be used; the message lists everything that is wrong, one line each."""


def error_body(code: ErrorCode, message: str) -> bytes:
    return msgspec.json.encode(ErrorBody(error=ErrorDetail(code=code, message=message)))
