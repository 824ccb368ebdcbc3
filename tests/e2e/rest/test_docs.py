"""The documentation page works where there is no internet."""

import re

import httpx2


async def test_the_docs_page_needs_nothing_from_elsewhere(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/docs")).raise_for_status().text
    used = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert used
    for address in used:
        assert address.startswith("/"), address
        assert (await client.get(address)).status_code == 200, address
    assert "/openapi.json" in page
