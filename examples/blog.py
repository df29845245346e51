"""A blog: the client's model writes the abstract of each post, and the post is kept.

It shows `sample()` in the middle of real work: check the input, ask, store, answer with JSON. Posts are kept in an
SQLite file, beside this one or where BLOG_DB says.

    python examples/blog.py                 # stdio
    python examples/blog.py --http          # http://localhost:8000/mcp, see mcp.json
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from pydantic import BaseModel, StringConstraints

from _serve import serve
from upcall.server import Sampling, sample

DB = Path(os.environ.get("BLOG_DB") or Path(__file__).with_name("blog.sqlite3"))

# Checked before the tool runs, and part of what clients are told about it.
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Content = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50_000)]

mcp = MCPServer("blog", middleware=[Sampling()])


class Created(BaseModel):
    """What `create_blog` answers."""

    id: int
    abstract: str


@mcp.tool()
async def create_blog(title: Title, content: Content) -> Created:
    """Create a blog post. Its abstract is written for you."""
    abstract = await sample(
        f"Write an abstract of this blog post in one or two sentences.\n\nTitle: {title}\n\n{content}",
        max_tokens=100,
    )
    with database() as db:
        row = db.execute(
            "INSERT INTO posts (title, content, abstract) VALUES (?, ?, ?)", (title, content, abstract.text)
        )
    return Created(id=row.lastrowid or 0, abstract=abstract.text)


@mcp.tool()
def list_blogs() -> list[dict[str, str | int]]:
    """List all posts, newest first."""
    with database() as db:
        return [dict(row) for row in db.execute("SELECT id, title, abstract FROM posts ORDER BY id DESC")]


@mcp.resource("blog://{post_id}")
def read_blog(post_id: int) -> str:
    """One post in full."""
    with database() as db:
        post = db.execute("SELECT title, abstract, content FROM posts WHERE id = ?", (post_id,)).fetchone()
    if post is None:
        raise ResourceNotFoundError(f"There is no post {post_id}.")
    return f"# {post['title']}\n\n*{post['abstract']}*\n\n{post['content']}\n"


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """The posts; what is written is committed at the end, or not at all."""
    db = sqlite3.connect(DB)
    db.row_factory = sqlite3.Row
    try:
        with db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS posts (id INTEGER PRIMARY KEY, title TEXT, content TEXT, abstract TEXT)"
            )
            yield db
    finally:
        db.close()


if __name__ == "__main__":
    serve(mcp, __doc__)
