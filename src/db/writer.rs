//! Writing: one transaction a closure; on SQLite, closures that wait at the same moment share one commit, and so one fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use tokio::sync::{Semaphore, oneshot};

use super::changes::{self, Change};
use super::pool::{Address, Pool};
use super::{Conn, Fault, PATIENCE};
use crate::clock::Timestamp;
use crate::secret::Keyring;

/// Told of committed changes, with a connection to look at them, before the one who made them is answered.
pub type Listener = Arc<dyn Fn(&mut Conn, &[Change]) -> Result<(), Fault> + Send + Sync>;

/// How many closures may wait for SQLite's one writer.
const QUEUE: usize = 4096;
/// How many closures share one commit at most.
const GROUP: usize = 256;
/// How often a group is tried again after a serialization fault.
const TRIES: usize = 4;
/// How many connections may write to PostgreSQL at once from this node.
const POSTGRES_WRITERS: usize = 6;

/// An open transaction. What takes this writes.
pub struct Tx<'a> {
    conn: &'a mut Conn,
    changes: Vec<Change>,
    ring: Option<&'a Keyring>,
}

impl Tx<'_> {
    /// The hub's keys, where the database was told of them ([`super::Db::know`]): what only the hub can have written is
    /// marked with them.
    pub fn ring(&self) -> Option<&Keyring> {
        self.ring
    }

    /// The connection, to pass to a store.
    pub fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// From here on nobody else's act runs beside this one, on whichever node, until this transaction ends: for acts
    /// that look first and write then. It comes before anything that locks a row, or two acts could wait for each other.
    ///
    /// # Errors
    /// When the turn does not come in time.
    pub fn alone(&mut self) -> Result<(), Fault> {
        // SQLite has one writer anyway.
        if let Conn::Postgres(conn) = self.conn {
            diesel::sql_query("SELECT pg_advisory_xact_lock(4204202602)").execute(conn)?;
        }
        Ok(())
    }

    /// Notes that what the push path keeps in memory of this thing is no longer true, here and on every other node.
    ///
    /// # Errors
    /// When the note can't be written.
    pub fn changed(&mut self, now: Timestamp, change: Change) -> Result<(), Fault> {
        changes::note(self.conn, now, change)?;
        self.changes.push(change);
        Ok(())
    }
}

/// How a closure's savepoint ended.
enum Ran {
    /// Kept, or undone because the closure refused.
    Ended,
    /// Another node was in the way: the whole transaction is worth another try.
    Again,
    /// The transaction is no longer what it was, as when SQLite undoes all of it on a full disk: nothing more of it
    /// may run.
    Broken(QueryError),
}

/// A closure on its way to be run, with the place for its answer.
trait Job: Send {
    /// Runs inside the open transaction, in a savepoint of its own.
    fn run(&mut self, conn: &mut Conn, changes: &mut Vec<Change>) -> Ran;
    /// Answers, once it is known whether the transaction was committed.
    fn settle(self: Box<Self>, committed: Result<(), String>);
}

struct Work<F, T, E> {
    work: F,
    ring: Arc<OnceLock<Keyring>>,
    result: Option<Result<T, E>>,
    answer: Option<oneshot::Sender<Result<T, E>>>,
}

/// What ends a savepoint without a commit: the closure's own error, or one of the savepoint's own statements.
enum Undone<E> {
    Refused(E),
    Savepoint(QueryError),
}

impl<E> From<QueryError> for Undone<E> {
    fn from(error: QueryError) -> Self {
        Self::Savepoint(error)
    }
}

impl<F, T, E> Job for Work<F, T, E>
where
    F: Fn(&mut Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<Fault> + Send,
{
    fn run(&mut self, conn: &mut Conn, changes: &mut Vec<Change>) -> Ran {
        let done = conn.transaction(|conn| {
            let mut tx = Tx { conn, changes: Vec::new(), ring: self.ring.get() };
            match (self.work)(&mut tx) {
                Ok(value) => Ok((value, tx.changes)),
                Err(error) => Err(Undone::Refused(error)),
            }
        });
        match done {
            Ok((value, noted)) => {
                changes.extend(noted);
                self.result = Some(Ok(value));
                Ran::Ended
            }
            Err(Undone::Refused(error)) => {
                self.result = Some(Err(error));
                Ran::Ended
            }
            Err(Undone::Savepoint(QueryError::DatabaseError(DatabaseErrorKind::SerializationFailure, _))) => Ran::Again,
            Err(Undone::Savepoint(error)) => Ran::Broken(error),
        }
    }

    fn settle(mut self: Box<Self>, committed: Result<(), String>) {
        let result = match (committed, self.result.take()) {
            // A refusal stands whether or not the others' work could be committed.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(why), _) => Err(Fault::Commit(why).into()),
            (Ok(()), None) => Err(Fault::Commit("it was never run".into()).into()),
        };
        if let Some(answer) = self.answer.take() {
            // Whoever asked may have gone; the work is committed all the same.
            let _ = answer.send(result);
        }
    }
}

enum Backend {
    Sqlite { queue: SyncSender<Box<dyn Job>>, thread: JoinHandle<()> },
    Postgres { pool: Pool, turns: Arc<Semaphore> },
}

pub(super) struct Writer {
    backend: Option<Backend>,
    listener: Arc<OnceLock<Listener>>,
    ring: Arc<OnceLock<Keyring>>,
}

impl Writer {
    pub(super) fn start(address: &Address, pool: &Pool) -> Result<Self, Fault> {
        let listener = Arc::new(OnceLock::new());
        let backend = match address {
            Address::Postgres(_) => Backend::Postgres { pool: pool.clone(), turns: Arc::new(Semaphore::new(POSTGRES_WRITERS)) },
            Address::Sqlite(_) => {
                let conn = address.connect()?;
                let (queue, jobs) = sync_channel(QUEUE);
                let (told, address) = (listener.clone(), address.clone());
                let thread = std::thread::Builder::new()
                    .name("belfry-writer".into())
                    .spawn(move || write_in_groups(conn, &address, &jobs, &told))
                    .map_err(|e| Fault::Connection(e.to_string()))?;
                Backend::Sqlite { queue, thread }
            }
        };
        Ok(Self { backend: Some(backend), listener, ring: Arc::default() })
    }

    pub(super) fn know(&self, ring: &Keyring) {
        // There is one master secret a database; the first one stays.
        let _ = self.ring.set(ring.clone());
    }

    pub(super) fn listen(&self, listener: Listener) {
        // A second listener would be a bug of app.rs; the first one stays.
        let _ = self.listener.set(listener);
    }

    pub(super) async fn write<F, T, E>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Work { work, ring: self.ring.clone(), result: None, answer: Some(answer) });
        match &self.backend {
            None => return Err(Fault::Connection("the writer has stopped".into()).into()),
            Some(Backend::Sqlite { queue, .. }) => queue.try_send(job).map_err(|e| match e {
                TrySendError::Full(_) => Fault::Busy,
                TrySendError::Disconnected(_) => Fault::Connection("the writer has stopped".into()),
            })?,
            Some(Backend::Postgres { pool, turns }) => {
                let turn = tokio::time::timeout(PATIENCE, turns.clone().acquire_owned());
                let Ok(Ok(turn)) = turn.await else { return Err(Fault::Busy.into()) };
                let (pool, listener) = (pool.clone(), self.listener.clone());
                tokio::task::spawn_blocking(move || {
                    let _turn = turn;
                    match pool.take() {
                        Ok(mut conn) => write_group(&mut conn, vec![job], &listener),
                        Err(fault) => job.settle(Err(fault.to_string())),
                    }
                });
            }
        }
        answered.await.unwrap_or_else(|_| Err(Fault::Commit("the writer broke off".into()).into()))
    }
}

impl Drop for Writer {
    /// Waits for what was handed in already.
    fn drop(&mut self) {
        if let Some(Backend::Sqlite { queue, thread }) = self.backend.take() {
            drop(queue);
            let _ = thread.join();
        }
    }
}

fn write_in_groups(mut conn: Conn, address: &Address, jobs: &Receiver<Box<dyn Job>>, listener: &OnceLock<Listener>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP - 1));
        // Whoever waits for a closure that panicked, or for one beside it, is told that nothing was written.
        if catch_unwind(AssertUnwindSafe(|| write_group(&mut conn, group, listener))).is_err() {
            tracing::error!("a write panicked: its whole group was undone");
        }
        // On a full disk SQLite rolls the whole transaction back by itself, and Diesel no longer knows where it is.
        if is_broken(&mut conn) {
            match address.connect() {
                Ok(fresh) => conn = fresh,
                Err(fault) => tracing::error!(error = %fault, "the database can't be opened again for writing"),
            }
        }
    }
}

/// Whether a connection was left inside a transaction, or in a state that nobody knows.
pub(super) fn is_broken(conn: &mut Conn) -> bool {
    type Manager = <Conn as Connection>::TransactionManager;
    Manager::is_broken_transaction_manager(conn) || !matches!(Manager::transaction_manager_status_mut(conn).transaction_depth(), Ok(None))
}

/// Runs a group in one transaction, commits, tells the listener, then answers all.
fn write_group(conn: &mut Conn, mut group: Vec<Box<dyn Job>>, listener: &OnceLock<Listener>) {
    let mut committed = Err("never tried".to_owned());
    let mut changes = Vec::new();
    for _ in 0..TRIES {
        changes.clear();
        let tried = try_group(conn, &mut group, &mut changes);
        let again = matches!(tried, Err(Tried::Again));
        committed = tried.map_err(|tried| match tried {
            Tried::Again => "other nodes were in the way each time".to_owned(),
            Tried::Failed(error) => error.to_string(),
        });
        if committed.is_ok() || !again {
            break;
        }
    }
    if committed.is_ok()
        && !changes.is_empty()
        && let Some(listener) = listener.get()
        && let Err(fault) = listener(conn, &changes)
    {
        // The change log is read twice a second: what was missed here is taken up there.
        tracing::warn!(error = %fault, "a committed change could not be taken up at once");
    }
    for job in group {
        job.settle(committed.clone());
    }
}

/// Why a group was not committed.
enum Tried {
    Again,
    Failed(QueryError),
}

impl From<QueryError> for Tried {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Again,
            other => Self::Failed(other),
        }
    }
}

/// One try. When it fails, nothing of it is left open.
fn try_group(conn: &mut Conn, group: &mut [Box<dyn Job>], changes: &mut Vec<Change>) -> Result<(), Tried> {
    begin(conn)?;
    let mut run = || {
        let mut again = false;
        for job in group.iter_mut() {
            match job.run(conn, changes) {
                Ran::Ended => {}
                Ran::Again => again = true,
                Ran::Broken(error) => return Err(Tried::Failed(error)),
            }
        }
        if again { Err(Tried::Again) } else { Ok(commit(conn)?) }
    };
    run().inspect_err(|_| {
        // What can't even be rolled back is thrown away with its connection.
        let _ = rollback(conn);
    })
}

fn begin(conn: &mut Conn) -> Result<(), QueryError> {
    match conn {
        // IMMEDIATE even with one writer: the command line is a second process, and a deferred
        // transaction that reads before it writes fails at once, whatever the busy timeout.
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        Conn::Postgres(c) => AnsiTransactionManager::begin_transaction(c),
    }
}

fn commit(conn: &mut Conn) -> Result<(), QueryError> {
    match conn {
        Conn::Sqlite(c) => <AnsiTransactionManager as TransactionManager<SqliteConnection>>::commit_transaction(c),
        Conn::Postgres(c) => <AnsiTransactionManager as TransactionManager<PgConnection>>::commit_transaction(c),
    }
}

fn rollback(conn: &mut Conn) -> Result<(), QueryError> {
    match conn {
        Conn::Sqlite(c) => <AnsiTransactionManager as TransactionManager<SqliteConnection>>::rollback_transaction(c),
        Conn::Postgres(c) => <AnsiTransactionManager as TransactionManager<PgConnection>>::rollback_transaction(c),
    }
}
