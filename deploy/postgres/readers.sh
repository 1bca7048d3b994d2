#!/bin/sh
# Runs once, when the database is made: a role for the boards that reads and does nothing else.
set -eu
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\set password `cat "${GRAFANA_PASSWORD_FILE:-/run/secrets/grafana_db_password}"`
CREATE ROLE grafana LOGIN PASSWORD :'password' CONNECTION LIMIT 10;
GRANT pg_read_all_data TO grafana;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
SQL
