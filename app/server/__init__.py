"""The classifier over HTTP: `application` has the routes, and openapi.json describes them."""
