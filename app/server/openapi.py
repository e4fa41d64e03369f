"""What the server offers, in the OpenAPI format, version 3.1."""

from collections.abc import Sequence
from typing import Any

from app.server import inference_protocol as protocol
from app.server.limits import Limits

Document = dict[str, Any]

ERROR = {
    "description": "What is wrong, in one line.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}},
                "required": ["error"],
            }
        }
    },
}
BUSY = {
    **ERROR,
    "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}
OF_A_BODY = {
    "400": ERROR,
    "408": ERROR,
    "413": ERROR,
    "415": ERROR,
    "503": BUSY,
}


def document(
    model: str, version: str, image_shape: Sequence[int], classes: int, limits: Limits
) -> Document:
    """Describes every route.

    Args:
        model: its name.
        version: its version.
        image_shape: (height, width, channels) of an image.
        classes: how many there are.
        limits: what is let in.
    """
    paths: Document = {
        "/predict": {"post": _predict(classes)},
        "/model": {"get": _get("What the model is: its file, input and classes.", _facts())},
        "/samples": {
            "get": _get(
                "Names of sample pictures.",
                _object(samples={"type": "array", "items": {"type": "string"}}),
            )
        },
        "/samples/{name}": {
            "parameters": [_name("name")],
            "get": _file("A sample picture.", "image/*"),
        },
        "/": {"get": _get("A page to try it.", {"type": "string"}, "text/html")},
        "/page/{name}": {
            "parameters": [_name("name", "page.js")],
            "get": _file("A file that the page loads.", "text/*"),
        },
        "/openapi.json": {"get": _get("This description.", {"type": "object"})},
        "/metrics": {"get": _get("Prometheus' metrics.", {"type": "string"}, "text/plain")},
        "/v2": {
            "get": _get(
                "This server, its version and extensions.",
                _object(
                    name={"type": "string"},
                    version={"type": "string"},
                    extensions={"type": "array", "items": {"type": "string"}},
                ),
            )
        },
        "/v2/health/live": {"get": _get("Liveness.", _object(live={"type": "boolean"}))},
        "/v2/health/ready": {"get": _get("Readiness.", _object(ready={"type": "boolean"}))},
    }
    for path, parameters in (
        ("/v2/models/{model}", [_name("model", model)]),
        (
            "/v2/models/{model}/versions/{version}",
            [_name("model", model), _name("version", version)],
        ),
    ):
        paths[path] = {"parameters": parameters, "get": _model(_metadata())}
        paths[f"{path}/ready"] = {
            "parameters": parameters,
            "get": _model(_object(name={"type": "string"}, ready={"type": "boolean"})),
        }
        paths[f"{path}/infer"] = {
            "parameters": parameters,
            "post": _infer(image_shape, classes, limits),
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spotimes",
            "version": version,
            "description": "An image classifier, by the Open Inference Protocol v2 and plainly.",
        },
        "paths": paths,
    }


def _get(summary: str, schema: Document, media_type: str = "application/json") -> Document:
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "So.", "content": {media_type: {"schema": schema}}},
            "503": BUSY,
        },
    }


def _model(schema: Document) -> Document:
    answer = _get("The model.", schema)
    answer["responses"]["404"] = ERROR
    return answer


def _object(**properties: Document) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _name(name: str, value: str | None = None) -> Document:
    declared = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    return declared if value is None else declared | {"example": value}


def _file(summary: str, media_type: str) -> Document:
    found = _get(summary, {"type": "string", "format": "binary"}, media_type)
    found["responses"]["404"] = ERROR
    return found


def _facts() -> Document:
    whole, text = {"type": "integer"}, {"type": "string"}
    return _object(
        name=text,
        file=text,
        bytes=whole,
        sha256=text,
        dtype={"enum": ["float32", "int8"]},
        input=_object(
            height=whole,
            width=whole,
            colour={"enum": ["rgb", "grey"]},
            resize={"enum": ["squash", "fit_shortest", "fit_longest"]},
        ),
        classes={"type": "array", "items": text},
    )


def _tensor() -> Document:
    whole = {"type": "array", "items": {"type": "integer"}}
    return _object(name={"type": "string"}, datatype={"type": "string"}, shape=whole)


def _metadata() -> Document:
    tensors = {"type": "array", "items": _tensor()}
    return _object(
        name={"type": "string"},
        versions={"type": "array", "items": {"type": "string"}},
        platform={"type": "string"},
        inputs=tensors,
        outputs=tensors,
    )


def _predict(classes: int) -> Document:
    prediction = _object(label={"type": "string"}, probability={"type": "number"})
    answer = _object(
        predictions={"type": "array", "items": prediction},
        milliseconds={"type": "number"},
        width={"type": "integer"},
        height={"type": "integer"},
    )
    answer["properties"]["seen"] = {
        "type": "string",
        "description": "The picture as the model sees it, a data URL of a PNG.",
    }
    return {
        "summary": "Classifies a picture: PNG, JPEG, WebP, BMP, GIF, TIFF or PPM.",
        "parameters": [
            {
                "name": "top",
                "in": "query",
                "description": "How many of the most probable classes; all if it is not there.",
                "schema": {"type": "integer", "minimum": 1, "maximum": classes},
            },
            {
                "name": "seen",
                "in": "query",
                "description": "1 to get the picture back as the model sees it.",
                "schema": {"type": "integer", "minimum": 0, "maximum": 1},
            },
        ],
        "requestBody": {
            "required": True,
            "description": "The file's bytes.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {
            "200": {
                "description": "The most probable classes, the most probable first.",
                "content": {"application/json": {"schema": answer}},
            },
            **OF_A_BODY,
        },
    }


def _infer(image_shape: Sequence[int], classes: int, limits: Limits) -> Document:
    sides = list(image_shape)
    image = {
        "type": "object",
        "required": ["name", "datatype", "shape"],
        "properties": {
            "name": {"const": protocol.INPUT},
            "datatype": {"enum": list(protocol.DTYPES)},
            "shape": {
                "type": "array",
                "prefixItems": [
                    {"type": "integer", "minimum": 1, "maximum": limits.batch},
                    *({"const": side} for side in sides),
                ],
                "minItems": 1 + len(sides),
                "maxItems": 1 + len(sides),
            },
            "data": {
                "type": "array",
                "description": "Values in row-major order, flat or nested.",
            },
            "parameters": _object_of_optional(binary_data_size={"type": "integer", "minimum": 0}),
        },
    }
    output = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"const": protocol.OUTPUT},
            "parameters": _object_of_optional(
                binary_data={"type": "boolean"},
                classification={"type": "integer", "minimum": 0, "maximum": classes},
            ),
        },
    }
    request = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "items": image, "minItems": 1, "maxItems": 1},
            "outputs": {"type": "array", "items": output, "maxItems": 1},
            "parameters": _object_of_optional(binary_data_output={"type": "boolean"}),
        },
    }
    answer = _object(
        model_name={"type": "string"},
        model_version={"type": "string"},
        outputs={"type": "array", "items": _tensor()},
    )
    header = {
        "description": "Length of the JSON before the tensors.",
        "schema": {"type": "integer"},
    }
    return {
        "summary": "Inference. Tensors may follow the JSON as bytes.",
        "parameters": [
            {
                "name": protocol.HEADER_LENGTH,
                "in": "header",
                "description": header["description"],
                "schema": {"type": "integer", "minimum": 0},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": request},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {
                "description": "The probabilities, or the most probable classes.",
                "headers": {protocol.HEADER_LENGTH: header},
                "content": {
                    "application/json": {"schema": answer},
                    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                },
            },
            "404": ERROR,
            **OF_A_BODY,
        },
    }


def _object_of_optional(**properties: Document) -> Document:
    return {"type": "object", "properties": properties}
