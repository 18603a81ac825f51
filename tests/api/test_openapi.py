"""Made-up requests, odd ones included: what comes back is what the API says about itself at /schema."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from api.openapi import openapi_document
from tests.api.documents import published
from tests.api.serving import serving

described = schemathesis.openapi.from_dict(openapi_document())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(published(tmp_path_factory.mktemp("published"))) as client:
        yield str(client.base_url)


@described.parametrize()
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_every_answer_is_one_that_the_schema_describes(case: "schemathesis.Case[Any]", address: str) -> None:
    case.call_and_validate(
        base_url=address,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
            unsupported_method,
        ],
    )
