"""The REST API and the application that holds all doors of the office.

Translates HTTP into calls of the rooms and back; decides nothing itself.
"""

from .application import create_app

__all__ = ["create_app"]
