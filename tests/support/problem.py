"""Reading refusals."""

import httpx2


def code_of(response: httpx2.Response, status: int) -> str:
    """The code of a refusal with this status, once it has the shape every refusal has (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"].endswith(f"/{problem['code']}")
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"]
    return problem["code"]
