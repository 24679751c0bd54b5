//! Connections: opened by what the URL says, so that the true error is told, and kept in an r2d2 pool.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use r2d2::{ManageConnection, PooledConnection};
use secrecy::{ExposeSecret, SecretString};

use super::writer::is_broken;
use super::{Conn, Fault};

/// Where the database is.
#[derive(Clone)]
pub enum Address {
    /// A file; `:memory:` is not offered, since connections could not share it.
    Sqlite(PathBuf),
    /// A URL as libpq reads it, with its password.
    Postgres(SecretString),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl Address {
    /// Opens one connection, ready for use.
    pub(super) fn connect(&self) -> Result<Conn, Fault> {
        match self {
            Self::Sqlite(path) => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).map_err(|e| Fault::Connection(format!("{}: {e}", folder.display())))?;
                }
                let told = |e: &dyn fmt::Display| Fault::Connection(format!("{}: {e}", path.display()));
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(|e| told(&e))?;
                // FULL: a commit that was answered survives a power cut. The busy timeout is for the command line, a second process.
                conn.batch_execute(
                    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
                )
                .map_err(|e| told(&e))?;
                Ok(Conn::Sqlite(conn))
            }
            Self::Postgres(url) => {
                let mut conn = PgConnection::establish(url.expose_secret()).map_err(|e| Fault::Connection(e.to_string()))?;
                conn.batch_execute("SET TIME ZONE 'UTC'; SET statement_timeout = '20s'; SET lock_timeout = '5s'")?;
                Ok(Conn::Postgres(conn))
            }
        }
    }
}

/// Opens connections for r2d2.
pub(super) struct Manager(Address);

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = Fault;

    fn connect(&self) -> Result<Conn, Fault> {
        self.0.connect()
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), Fault> {
        Ok(conn.batch_execute("SELECT 1")?)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        // A transaction that is still open here was abandoned by a panic: such a connection is thrown away.
        is_broken(conn)
    }
}

/// The connections for reading, and on PostgreSQL for writing.
#[derive(Clone)]
pub(super) struct Pool(r2d2::Pool<Manager>);

impl Pool {
    pub(super) fn open(address: &Address) -> Result<Self, Fault> {
        // Said first, by a connection of its own: r2d2 would retry for its whole timeout and hide why.
        drop(address.connect()?);
        let pool = r2d2::Pool::builder()
            .max_size(8)
            .min_idle(Some(1))
            .test_on_check_out(matches!(address, Address::Postgres(_)))
            .connection_timeout(Duration::from_secs(5))
            .error_handler(Box::new(LogErrors))
            .build(Manager(address.clone()))
            .map_err(|e| Fault::Connection(e.to_string()))?;
        Ok(Self(pool))
    }

    pub(super) fn take(&self) -> Result<PooledConnection<Manager>, Fault> {
        self.0.get().map_err(|e| Fault::Connection(e.to_string()))
    }
}

#[derive(Debug)]
struct LogErrors;

impl r2d2::HandleError<Fault> for LogErrors {
    fn handle_error(&self, error: Fault) {
        tracing::warn!(error = %error, "a database connection failed");
    }
}
