"""Make MLflow's database and bring Airflow's to this version; quick and harmless when it is done already."""

import os
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import psycopg2
from psycopg2 import sql

RECORD = sql.Identifier("gaiaflow_migrated")


def connect(database: str) -> "psycopg2.extensions.connection":
    password = os.environ["POSTGRES_PASSWORD"]
    connection = psycopg2.connect(host="postgres", user="gaiaflow", password=password, dbname=database)
    connection.autocommit = True
    return connection


def ensure_database(name: str) -> None:
    with closing(connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def migrate_airflow() -> None:
    """`airflow db migrate`, unless this version was recorded beside the tables."""
    wanted = version("apache-airflow-core")
    with closing(connect("airflow")) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (version text)").format(RECORD))
        cursor.execute(sql.SQL("SELECT 1 FROM {} WHERE version = %s").format(RECORD), (wanted,))
        if cursor.fetchone() is not None:
            return
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
        cursor.execute(sql.SQL("DELETE FROM {}").format(RECORD))
        cursor.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(RECORD), (wanted,))


if __name__ == "__main__":
    ensure_database("mlflow")
    ensure_database("airflow")
    migrate_airflow()
