"""Runs revisions on the connection that `sallyport_common.database.migrate` hands over."""

from alembic import context

configuration = context.config
context.configure(
    connection=configuration.attributes["connection"],
    version_table=configuration.get_main_option("version_table"),
)
with context.begin_transaction():
    context.run_migrations()
