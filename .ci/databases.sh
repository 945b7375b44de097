# shellcheck shell=bash
# Throw-away PostgreSQL and MariaDB servers on free loopback ports, for the tests of the results table.
#
#     source .ci/databases.sh
#     start_databases      # exports HYPERCARBON_TEST_POSTGRES and HYPERCARBON_TEST_MYSQL
#     stop_databases       # ends these two servers, by their pids, and removes their files
#
# Or, to keep them for a while:   bash .ci/databases.sh   prints the exports, and how to stop.
# Needs Debian's postgresql, mariadb-server; as root, the servers run as the users postgres and mysql.
# A server that is not installed is left out, and the tests that need it say that they were skipped.

_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# _as USER COMMAND...: run as USER when we are root, else as ourselves.
_as() {
    local user=$1
    shift
    if [ "$(id -u)" = 0 ]; then setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"; else "$@"; fi
}

_own_dir() {
    mkdir -p "$1"
    if [ "$(id -u)" = 0 ]; then chown "$2:$2" "$1"; fi
}

# _until SECONDS COMMAND...: wait for COMMAND to succeed.
_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

_start_postgres() {
    local bin port dir=$HYPERCARBON_DATABASES/postgres
    bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    if [ -z "$bin" ]; then
        echo "PostgreSQL is not installed; its tests will be skipped." >&2
        return 0
    fi
    _own_dir "$dir" postgres
    port=$(_free_port)
    _as postgres "$bin/initdb" --pgdata="$dir/data" --username=hypercarbon --auth=trust --encoding=UTF8 \
        --no-locale --no-sync >"$dir/log" 2>&1 || { cat "$dir/log" >&2; return 1; }
    _as postgres "$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories="$dir" -c fsync=off -c max_connections=200 >>"$dir/log" 2>&1 &
    _until 30 "$bin/pg_isready" --host=127.0.0.1 --port="$port" || { cat "$dir/log" >&2; return 1; }
    "$bin/createdb" --host=127.0.0.1 --port="$port" --username=hypercarbon hypercarbon
    export HYPERCARBON_TEST_POSTGRES="postgresql+psycopg://hypercarbon@127.0.0.1:$port/hypercarbon"
}

_start_mariadb() {
    local server port dir=$HYPERCARBON_DATABASES/mariadb
    server=$(PATH=$PATH:/usr/sbin command -v mariadbd || true)
    if [ -z "$server" ]; then
        echo "MariaDB is not installed; its tests will be skipped." >&2
        return 0
    fi
    _own_dir "$dir" mysql
    port=$(_free_port)
    _as mysql mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal \
        --skip-test-db >"$dir/log" 2>&1 || { cat "$dir/log" >&2; return 1; }
    _as mysql "$server" --no-defaults --datadir="$dir/data" --port="$port" --bind-address=127.0.0.1 \
        --socket="$dir/socket" --pid-file="$dir/server.pid" --max-connections=200 \
        --innodb-flush-log-at-trx-commit=0 >>"$dir/log" 2>&1 &
    _until 30 _mariadb_sql "$port" "SELECT 1" || { cat "$dir/log" >&2; return 1; }
    _mariadb_sql "$port" "CREATE DATABASE hypercarbon; CREATE USER hypercarbon@'127.0.0.1' IDENTIFIED BY 'throw-away';
        GRANT ALL ON *.* TO hypercarbon@'127.0.0.1' WITH GRANT OPTION" || return 1
    export HYPERCARBON_TEST_MYSQL="mysql+mysqldb://hypercarbon:throw-away@127.0.0.1:$port/hypercarbon"
}

_mariadb_sql() {
    mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$1" --user=root --execute="$2"
}

start_databases() {
    HYPERCARBON_DATABASES=$(mktemp -d)
    chmod 755 "$HYPERCARBON_DATABASES"
    export HYPERCARBON_DATABASES
    _start_postgres && _start_mariadb || { stop_databases; return 1; }
}

stop_databases() {
    [ -n "${HYPERCARBON_DATABASES:-}" ] || return 0
    # PostgreSQL ends its sessions at SIGINT; at SIGTERM it would wait for them.
    _stop INT "$HYPERCARBON_DATABASES/postgres/data/postmaster.pid"
    _stop TERM "$HYPERCARBON_DATABASES/mariadb/server.pid"
    rm -rf "$HYPERCARBON_DATABASES"
    unset HYPERCARBON_DATABASES HYPERCARBON_TEST_POSTGRES HYPERCARBON_TEST_MYSQL
}

# _stop SIGNAL PIDFILE: end the server whose pid is the first line of PIDFILE, and wait for it.
_stop() {
    local pid
    [ -s "$2" ] || return 0
    pid=$(head -n 1 "$2")
    kill -s "$1" "$pid" 2>/dev/null || return 0
    _until 20 _has_ended "$pid" || kill -s KILL "$pid" 2>/dev/null || true
}

_has_ended() {
    ! kill -0 "$1" 2>/dev/null
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -eu
    start_databases
    for name in HYPERCARBON_DATABASES HYPERCARBON_TEST_POSTGRES HYPERCARBON_TEST_MYSQL; do
        [ -z "${!name:-}" ] || echo "export $name='${!name}'"
    done
    echo "# To stop them:  source .ci/databases.sh; stop_databases"
fi
