"""The `alembic` command on a migrated database of its own: `check`, `revision --autogenerate -m "…"`, and so on."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ostiary.dev.postgres import EmbeddedPostgres

with (
    tempfile.TemporaryDirectory(prefix="ostiary-") as folder,
    EmbeddedPostgres(Path(folder) / "postgres", durable=False) as server,
):
    environment = os.environ | {"OSTIARY_DATABASE_URL": server.url()}
    for arguments in (["upgrade", "head"], sys.argv[1:]):
        command = [sys.executable, "-m", "alembic", *arguments]
        code = subprocess.run(command, check=False, cwd=Path(__file__).parent.parent, env=environment).returncode
        if code != 0:
            break
sys.exit(code)
