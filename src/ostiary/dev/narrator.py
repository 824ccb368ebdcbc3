"""Tells what a demo does: acts in plain words, each call as it was made and what of its answer matters."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2

_WIDTH = 110
_SECRETS = frozenset({"password", "token", "secret", "code", "code_verifier"})


class StoryBrokenError(Exception):
    """An answer was not what the story says; the text names call, status and body."""


@dataclass(slots=True)
class Narrator:
    """Prints the story, coloured on a terminal only, and stops it at the first wrong answer."""

    http: httpx2.Client
    colour: bool = field(default_factory=sys.stdout.isatty)

    def _print(self, text: str, code: str = "") -> None:
        print(f"\033[{code}m{text}\033[0m" if self.colour and code else text, flush=True)

    def act(self, number: int, title: str) -> None:
        """A new act."""
        self._print(f"\n{number}. {title}\n", "1")

    def say(self, text: str) -> None:
        """A sentence of the story."""
        self._print(f"   {text}")

    def call(
        self,
        who: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        expect: int = 200,
        show: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Make a call of the org-management API, show it with the fields that matter, and answer the JSON.

        Raises StoryBrokenError where the status is not the expected one.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = self.http.request(method, path, json=body, headers=headers)
        answer: dict[str, Any] = response.json() if response.content else {}
        self.show(who, method, path, body, response.status_code, {name: _at(answer, name) for name in show})
        if response.status_code != expect:
            raise StoryBrokenError(f"{method} {path} answered {response.status_code}, not {expect}: {response.text}")
        return answer

    def show(
        self,
        who: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        status: int,
        answer: Mapping[str, Any],
    ) -> None:
        """One call and its answer."""
        sent = f" {_short(body)}" if body else ""
        self._print(f"   {who:<9} {method} {path}{sent}", "36")
        said = f" {_short(answer)}" if answer else ""
        self._print(f"   {'':<9} → {status}{said}", "32" if status < 400 else "33")

    def check(self, holds: bool, claim: str) -> None:
        """Say what the answers showed; raises StoryBrokenError where they did not."""
        if not holds:
            raise StoryBrokenError(f"This does not hold: {claim}")
        self._print(f"   {'':<9} ✓ {claim}", "32")


def _at(answer: object, path: str) -> object:
    """The value at a dotted path, with numbers as indexes; None where there is none."""
    for part in path.split("."):
        if isinstance(answer, list):
            items = cast("list[object]", answer)
            answer = items[int(part)] if int(part) < len(items) else None
        elif isinstance(answer, dict):
            answer = cast("dict[str, object]", answer).get(part)
        else:
            return None
    return answer


def _short(value: Mapping[str, Any]) -> str:
    text = json.dumps({name: _hidden(name, part) for name, part in value.items()}, ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _hidden(name: str, value: object) -> object:
    # `code` is also the name of a problem's telling word.
    return "…" if name in _SECRETS and (name != "code" or str(value).startswith("ost_")) else value
