//! What runs by itself, again and again, until the hub stops: on each node, or on one node for all of them. What a job does
//! is its room's to say.
//!
//! No crate does this on sync Diesel for both databases; `docs/decisions/0006-jobs.md` says what was looked at.

mod store;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use store::{Job, all};

use crate::clock::{Clock, Timestamp};
use crate::db::{Db, Fault};
use crate::ids::LeaseId;

/// For how long a node has a job of all nodes. Renewed while it runs; a node that dies leaves it to another after this.
const LEASE: Duration = Duration::from_secs(60);
/// How often a node looks whether a job of all nodes is due.
const LOOK: Duration = Duration::from_secs(15);
/// How soon a job that failed is tried again, if it is not due earlier by itself.
const AGAIN: Duration = Duration::from_secs(60);

/// What became of a job's last run on this node.
#[derive(Clone, Debug)]
pub struct Ran {
    pub every: Duration,
    pub ended_at: Timestamp,
    pub took: Duration,
    pub runs: u64,
    pub failures: u64,
    /// Of the last run.
    pub error: Option<String>,
}

/// The last runs of this node's own jobs, by name. Clones share it.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<&'static str, Ran>>>);

impl Board {
    fn note(&self, name: &'static str, every: Duration, ended_at: Timestamp, took: Duration, error: Option<String>) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (runs, failures) = board.get(name).map_or((0, 0), |before| (before.runs, before.failures));
        let failures = failures + u64::from(error.is_some());
        board.insert(name, Ran { every, ended_at, took, runs: runs + 1, failures, error });
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<(&'static str, Ran)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(name, ran)| (*name, ran.clone())).collect()
    }
}

/// The jobs of this process.
pub struct Jobs {
    clock: Clock,
    board: Board,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Jobs {
    pub fn new(clock: Clock, board: Board) -> Self {
        Self { clock, board, stop: watch::channel(false).0, running: Vec::new() }
    }

    /// Runs `job` on this node, each `pause` after it has ended, whether it went well or not.
    pub fn on_each_node<F, Fut, E>(&mut self, name: &'static str, pause: Duration, job: F)
    where
        F: FnMut() -> Fut + 'static,
        Fut: Future<Output = Result<(), E>> + 'static,
        E: Display,
    {
        self.on_each_node_after(name, pause, move || tokio::time::sleep(pause), job);
    }

    /// Runs `job` on this node, each time that what `pause` gives has passed: `every` at the latest.
    pub fn on_each_node_after<P, W, F, Fut, E>(&mut self, name: &'static str, every: Duration, mut pause: P, mut job: F)
    where
        P: FnMut() -> W + 'static,
        W: Future<Output = ()> + 'static,
        F: FnMut() -> Fut + 'static,
        Fut: Future<Output = Result<(), E>> + 'static,
        E: Display,
    {
        let mut stopped = self.stop.subscribe();
        let (clock, board) = (self.clock.clone(), self.board.clone());
        self.running.push(actix_web::rt::spawn(async move {
            loop {
                let started = Instant::now();
                let error = outcome(name, job()).await;
                board.note(name, every, clock.now(), started.elapsed(), error);
                tokio::select! {
                    () = pause() => {}
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
            }
        }));
    }

    /// Runs `job` on one of all nodes that share the database, each `every`: whoever sees first that it is due.
    pub fn on_one_node<F, Fut, E>(&mut self, db: &Db, name: &'static str, every: Duration, mut job: F)
    where
        F: FnMut() -> Fut + 'static,
        Fut: Future<Output = Result<(), E>> + 'static,
        E: Display,
    {
        let mut stopped = self.stop.subscribe();
        let (clock, db) = (self.clock.clone(), db.clone());
        self.running.push(actix_web::rt::spawn(async move {
            loop {
                if let Err(fault) = run_if_due(&db, &clock, name, every, &mut job).await {
                    tracing::warn!(job = name, error = %fault, "it could not be seen whether a job is due");
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK.min(every)) => {}
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
            }
        }));
    }

    /// Stops: what is running is waited for, nothing begins anew.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for job in self.running {
            let _ = job.await;
        }
    }
}

/// Runs a job of all nodes if it is due and no other node has it. `true`: it ran.
///
/// # Errors
/// When the database does not answer. What the job itself says is noted with it.
pub async fn run_if_due<F, Fut, E>(db: &Db, clock: &Clock, name: &'static str, every: Duration, job: &mut F) -> Result<bool, Fault>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Display,
{
    let (now, mine) = (clock.now(), LeaseId::new(clock.now()));
    // Looked for first: nearly always nothing is due, and looking keeps no writer busy.
    if !db.read(move |conn| store::may_be_due(conn, name, now)).await? {
        return Ok(false);
    }
    let taken = db.write(move |tx| {
        store::enter(tx.conn(), name, now)?;
        store::take(tx.conn(), name, now, mine, now + LEASE)
    });
    if !taken.await? {
        return Ok(false);
    }
    let started = Instant::now();
    let error = tokio::select! {
        error = outcome(name, job()) => error,
        () = keep(db, clock, name, mine) => None,
    };
    let ended = store::Ended {
        ended_at: clock.now(),
        due_at: clock.now() + if error.is_some() { every.min(AGAIN) } else { every },
        took: started.elapsed(),
        error,
    };
    db.write(move |tx| store::end(tx.conn(), name, mine, &ended)).await?;
    Ok(true)
}

/// Renews a lease for as long as the job runs. Ends only with it.
async fn keep(db: &Db, clock: &Clock, name: &'static str, mine: LeaseId) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let until = clock.now() + LEASE;
        if let Err(fault) = db.write(move |tx| store::renew(tx.conn(), name, mine, until)).await {
            tracing::warn!(job = name, error = %fault, "the lease of a job could not be renewed");
        }
    }
}

/// Runs a job once. Gives what went wrong, in words.
async fn outcome<E: Display>(name: &'static str, job: impl Future<Output = Result<(), E>>) -> Option<String> {
    match AssertUnwindSafe(job).catch_unwind().await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => {
            tracing::warn!(job = name, %error, "a job failed; it is tried again");
            Some(error.to_string())
        }
        Err(_) => {
            tracing::error!(job = name, "a job panicked; it is tried again");
            Some("it panicked: a bug".to_owned())
        }
    }
}
