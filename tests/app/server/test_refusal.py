from app.server.refusal import RefusalError


def test_what_is_quoted_of_a_request_is_not_obeyed_by_a_terminal() -> None:
    assert RefusalError(415, "gzip\x1b[2J\x85é is none").message == r"gzip\x1b[2J\x85é is none"
