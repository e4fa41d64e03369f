"""openapi.json held to the code, and the server to what it describes."""

import json
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

from app.server import application
from app.server import inference_protocol as protocol
from app.server.limits import Limits
from spotimes.inference.classifier import Classifier
from spotimes.pixels import CHANNELS, RESIZE_MODES
from spotimes.preprocessing.opening import FORMATS
from tests.app.models import MODEL
from tests.app.serving import Server

DOCUMENT: dict[str, Any] = json.loads(application.OPENAPI.read_text(encoding="utf-8"))
PARAMETERS = DOCUMENT["components"]["parameters"]
SCHEMAS = DOCUMENT["components"]["schemas"]
LIMITS = Limits(
    body_bytes=10**6,
    buffered_bytes=10**7,
    connections=8,
    requests=4,
    pixels=10**6,
    batch=7,
    seconds=1,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


def test_it_is_valid_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_its_routes_are_the_servers() -> None:
    served = application.Application(Classifier(MODEL), LIMITS).served
    assert {
        (path, method.upper())
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
        if method != "parameters"
    } == {(each.template, each.method) for each in served}


def test_its_names_and_values_are_the_codes() -> None:
    assert DOCUMENT["info"]["version"] == PARAMETERS["version"]["example"] == application.VERSION
    assert PARAMETERS["model"]["example"] == MODEL.stem
    assert PARAMETERS["header_length"]["name"] == protocol.HEADER_LENGTH
    assert [*DOCUMENT["components"]["responses"]["Inference"]["headers"]] == [
        protocol.HEADER_LENGTH
    ]
    image, output = (SCHEMAS[name]["properties"] for name in ("RequestedInput", "RequestedOutput"))
    assert image["name"]["const"] == protocol.INPUT
    assert image["datatype"]["enum"] == protocol.DATATYPES
    assert output["name"]["const"] == protocol.OUTPUT
    assert SCHEMAS["Input"]["properties"]["colour"]["enum"] == [*CHANNELS]
    assert SCHEMAS["Input"]["properties"]["resize"]["enum"] == [*RESIZE_MODES]
    pages = DOCUMENT["paths"]["/page/{name}"]
    assert pages["parameters"][0]["example"] in application.FILES
    summary = DOCUMENT["paths"]["/predict"]["post"]["summary"].lower()
    assert all(name.lower() in summary for name in FORMATS)


def test_its_dtypes_are_those_of_the_models() -> None:
    models = (MODEL, MODEL.with_name("model_fp32.tflite"))
    assert sorted(str(Classifier(path).dtype) for path in models) == sorted(
        SCHEMAS["Model"]["properties"]["dtype"]["enum"]
    )


def test_what_depends_on_the_model_and_the_limits_is_filled_in(server: Server) -> None:
    classifier = Classifier(MODEL)
    model = protocol.Model("mine", "1", classifier.contract)
    components = application.openapi(model, LIMITS)["components"]
    assert components["parameters"]["model"]["example"] == "mine"
    assert components["parameters"]["top"]["schema"]["maximum"] == classifier.classes
    batch, *sides = components["schemas"]["Shape"]["prefixItems"]
    assert (batch["minimum"], batch["maximum"]) == (1, LIMITS.batch)
    assert [side["const"] for side in sides] == [*classifier.image_shape]
    served = server.get("/openapi.json").json
    assert served["paths"] == DOCUMENT["paths"]
    assert served["components"]["responses"] == DOCUMENT["components"]["responses"]
    assert set(server.get("/model").json) == set(SCHEMAS["Model"]["required"])


@pytest.mark.parametrize(
    ("mode", "operations"), [(GenerationMode.POSITIVE, 22), (GenerationMode.NEGATIVE, 3)]
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
        if mode == GenerationMode.NEGATIVE and not len(operation.body):
            continue
        tried.add(operation.label)

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=10,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def hold(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        hold()
    assert len(tried) == operations
    assert server.get("/v2/health/live").status == 200
