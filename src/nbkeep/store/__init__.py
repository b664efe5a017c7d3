"""The one database: engine, tables, migrations.

Holds no rule. SQLite (WAL) by default, PostgreSQL by URL. Every write goes through `Store.write()`.
"""
