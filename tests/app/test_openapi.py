"""The server held to its own OpenAPI description, by requests that are made from it."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.app.conftest import Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


@pytest.mark.parametrize(
    ("mode", "operations"), [(GenerationMode.POSITIVE, 16), (GenerationMode.NEGATIVE, 3)]
)
def test_every_answer_is_as_described(
    server: Server, mode: GenerationMode, operations: int
) -> None:
    """Requests that follow the description, and those to be refused, of what takes a body."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    tried = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode == GenerationMode.NEGATIVE and operation.method != "post":
            continue
        tried.add(operation.label)

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def hold(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        hold()
    assert len(tried) == operations
    assert server.get("/v2/health/live").status == 200
