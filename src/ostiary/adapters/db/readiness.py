"""Whether the database answers and has the schema this version was written for."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ostiary.adapters.db.migrate import heads


class DatabaseReadiness:
    """Asks the database, and nothing else."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._expected = heads()

    async def problems(self) -> list[str]:
        """Why this process should get no traffic; empty when it should."""
        try:
            async with self._engine.connect() as connection:
                rows = await connection.execute(text("SELECT version_num FROM alembic_version"))
                present = {row.version_num for row in rows}
        except SQLAlchemyError as error:
            missing_table = "alembic_version" in str(error)
            return [
                "The database has no schema: run `ostiary migrate`."
                if missing_table
                else "The database does not answer."
            ]
        except OSError:
            return ["The database does not answer."]
        return (
            []
            if present == set(self._expected)
            else ["The database's schema is another version's: run `ostiary migrate`."]
        )
