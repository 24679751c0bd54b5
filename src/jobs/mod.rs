//! What runs by itself, again and again, until the hub stops. What a job does is its room's to say.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The jobs of this process.
pub struct Jobs {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { stop: watch::channel(false).0, running: Vec::new() }
    }
}

impl Jobs {
    /// Runs `job` each `pause` after it has ended, whether it went well or not.
    pub fn every<F, Fut, E>(&mut self, name: &'static str, pause: Duration, mut job: F)
    where
        F: FnMut() -> Fut + 'static,
        Fut: Future<Output = Result<(), E>> + 'static,
        E: std::fmt::Display,
    {
        let mut stopped = self.stop.subscribe();
        self.running.push(actix_web::rt::spawn(async move {
            loop {
                match AssertUnwindSafe(job()).catch_unwind().await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(job = name, %error, "a job failed; it is tried again"),
                    Err(_) => tracing::error!(job = name, "a job panicked; it is tried again"),
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
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
