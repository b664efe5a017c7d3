"""Lists at the door: `?limit=&cursor=` in, `{"items": […], "next": cursor|null}` out."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

Item = TypeVar("Item")
LimitQuery = Annotated[int, Query(ge=1, le=1000, description="How many at most")]
CursorQuery = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(description="Send as `cursor` for the next page; null on the last one")
