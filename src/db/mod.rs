//! The way into the database: one `Conn` over SQLite and PostgreSQL, `read` and `write`, migrations, the change log.
//!
//! Queries of a room's own tables are in the room's `store.rs`, not here.

mod changes;
mod notices;
mod pool;
pub mod schema;
pub mod secret;
pub mod text;
pub mod types;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{MultiConnection, PgConnection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::sync::Semaphore;

pub use changes::{Change, ChangeLog, Changes};
pub use notices::Notices;
pub use pool::Address;
use pool::Pool;
pub use writer::Tx;
use writer::{Listener, Writer};

use crate::secret::Keyring;

/// Parts of what the databases say when they, not the query, are what is wrong.
const OUTAGES: [&str; 14] = [
    "deadlock detected",
    "disk is full",
    "disk I/O error",
    "database is locked",
    "readonly database",
    "unable to open database",
    "No space left on device",
    "could not extend file",
    "out of shared memory",
    "canceling statement due to",
    "terminating connection",
    "the database system is",
    "too many clients",
    "server closed the connection",
];

/// One connection to either database. A query is written once, against this.
#[derive(MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs one expression against the concrete connection, for what `Conn` can't say: `on_conflict`, `RETURNING`.
macro_rules! each {
    ($conn:expr, $c:ident => $query:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite($c) => $query,
            $crate::db::Conn::Postgres($c) => $query,
        }
    };
}
pub(crate) use each;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// How long a request waits for its turn at the database before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many requests may wait for or use a reading connection.
const READERS_AND_WAITING: usize = 256;

/// What can go wrong with the database itself.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Too much is waiting already; nothing was done.
    #[error("the database is busy")]
    Busy,
    /// The row changed since it was read; nothing was done.
    #[error("somebody else was faster")]
    Stale,
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    #[error("no connection to the database: {0}")]
    Connection(String),
    #[error("the change was not committed: {0}")]
    Commit(String),
    /// A stored value that this program can't have written.
    #[error("unreadable in the database: {0}")]
    Unreadable(String),
}

impl Fault {
    /// Whether the database, not the query, is what is wrong: away, locked for too long, its disk full or broken.
    /// Nothing was written, and the same may pass later.
    pub fn is_outage(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error};
        match self {
            Self::Busy | Self::Connection(_) | Self::Commit(_) => true,
            Self::Query(Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::SerializationFailure, _)) => true,
            Self::Query(Error::BrokenTransactionManager | Error::AlreadyInTransaction) => true,
            // SQLite's own words for SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_READONLY, and PostgreSQL's for its
            // disk, its memory, its shutdown and a statement that took too long: Diesel has no kind for any of them.
            Self::Query(Error::DatabaseError(DatabaseErrorKind::Unknown, info)) => {
                OUTAGES.iter().any(|words| info.message().contains(words))
            }
            _ => false,
        }
    }

    /// Whether a rule of the database named uniqueness was broken: somebody else has that value.
    pub fn is_duplicate(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error};
        matches!(self, Self::Query(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }
}

/// The database, as the rooms use it. Clones share everything.
#[derive(Clone)]
pub struct Db {
    readers: Pool,
    waiting: Arc<Semaphore>,
    writer: Arc<Writer>,
}

impl Db {
    /// Opens the database; makes the SQLite file and its folder when they aren't there.
    ///
    /// # Errors
    /// When the file or server can't be reached.
    pub fn open(address: &Address) -> Result<Self, Fault> {
        let readers = Pool::open(address)?;
        let writer = Writer::start(address, &readers)?;
        Ok(Self { readers, waiting: Arc::new(Semaphore::new(READERS_AND_WAITING)), writer: Arc::new(writer) })
    }

    /// Brings the tables up to date. Gives the names of the migrations that were applied.
    ///
    /// # Errors
    /// When one fails; those before it stay applied.
    pub fn migrate(&self) -> Result<Vec<String>, Fault> {
        let mut conn = self.readers.take()?;
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| Fault::Commit(format!("migration: {e}"));
        let applied = match &mut *conn {
            Conn::Sqlite(c) => c.run_pending_migrations(SQLITE_MIGRATIONS).map_err(failed)?.iter().map(ToString::to_string).collect(),
            Conn::Postgres(c) => {
                // Two nodes that start at once take turns.
                // A large table takes longer than a request may; so does waiting for another node that does the same.
                c.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(4204202601)")?;
                let applied = c.run_pending_migrations(POSTGRES_MIGRATIONS).map(|done| done.iter().map(ToString::to_string).collect());
                c.batch_execute("SELECT pg_advisory_unlock(4204202601); SET statement_timeout = '20s'; SET lock_timeout = '5s'")?;
                applied.map_err(failed)?
            }
        };
        Ok(applied)
    }

    /// Whether migrations are waiting.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn needs_migration(&self) -> Result<bool, Fault> {
        let mut conn = self.readers.take()?;
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| Fault::Commit(format!("migration: {e}"));
        match &mut *conn {
            Conn::Sqlite(c) => c.has_pending_migration(SQLITE_MIGRATIONS).map_err(failed),
            Conn::Postgres(c) => c.has_pending_migration(POSTGRES_MIGRATIONS).map_err(failed),
        }
    }

    /// Tells transactions of the hub's keys, which can only be known once the database is open.
    pub fn know(&self, ring: &Keyring) {
        self.writer.know(ring);
    }

    /// Who is told of changes after they are committed, before the one who made them is answered.
    pub fn listen(&self, listener: Listener) {
        self.writer.listen(listener);
    }

    /// Reads, on a blocking thread.
    ///
    /// # Errors
    /// What `work` gives; [`Fault::Busy`] when too many wait already.
    pub async fn read<T, E>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let turn = tokio::time::timeout(PATIENCE, self.waiting.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(Fault::Busy.into()) };
        let readers = self.readers.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&mut *readers.take()?)
        })
        .await
        .unwrap_or_else(|e| Err(Fault::Connection(e.to_string()).into()))
    }

    /// Writes in one transaction, which is committed before this answers. `work` may run more than once, so it does nothing but `tx`.
    ///
    /// # Errors
    /// What `work` gives, and then nothing was written; [`Fault::Busy`] when too many wait already.
    pub async fn write<T, E>(&self, work: impl Fn(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Reads on this thread: for the command line, for start-up and for jobs that run on a thread of their own.
    ///
    /// # Errors
    /// What `work` gives, or that no connection could be had.
    pub fn read_here<T, E: From<Fault>>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        work(&mut *self.readers.take()?)
    }
}
