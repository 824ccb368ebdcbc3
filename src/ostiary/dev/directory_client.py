"""The identity provider's SCIM client in the demo: scim2-client, speaking the schemas the service announces."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import PatchOp

from ostiary.dev.narrator import StoryBrokenError


class DirectoryClient:
    """Pushes users and groups. What the service announces is known only at run time, so its models are untyped."""

    def __init__(self, http: httpx2.Client) -> None:
        self._client: Any = SyncSCIMClient(http)
        self.status = 0
        """The status of the latest answer."""
        http.event_hooks = {"response": [self._note]}

    def _note(self, response: httpx2.Response) -> None:
        self.status = response.status_code

    @classmethod
    @contextmanager
    def connected(cls, base_url: str, token: str) -> Generator["DirectoryClient"]:
        """A client that has read the service's schemas, with the directory's token."""
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False) as http:
            made = cls(http)
            made._client.discover()
            yield made

    def create_user(self, address: str) -> str:
        """Push an active person; answers the id."""
        emails = [{"value": address, "primary": True, "type": "work"}]
        return self._create("User", user_name=address, active=True, emails=emails)

    def create_group(self, name: str, member_ids: Sequence[str]) -> str:
        """Push a group; answers the id."""
        return self._create("Group", display_name=name, members=[{"value": member_id} for member_id in member_ids])

    def deactivate(self, user_id: str) -> None:
        """Set a person inactive."""
        model = self._model("User")
        patch = cast("Any", PatchOp[model])
        operations = [{"op": "replace", "path": "active", "value": False}]
        self._client.modify(model, user_id, patch(operations=operations))

    def _create(self, kind: str, **attributes: Any) -> str:
        return str(self._client.create(self._model(kind)(**attributes)).id)

    def _model(self, kind: str) -> Any:
        model = self._client.get_resource_model(kind)
        if model is None:
            raise StoryBrokenError(f"The service announces no {kind} in its SCIM schemas.")
        return model
