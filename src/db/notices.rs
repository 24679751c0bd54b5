//! Word over Redis or Valkey that something has changed. The log of changes is the truth, and every node reads it twice a second;
//! this only makes it sooner. Without it, or while it is away, nothing is lost but that half second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::AsyncCommands;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Notify, mpsc};

use crate::secret;

/// Every hub that shares a Redis with another one has a channel of its own, named after its database's secret.
const CHANNEL: &str = "belfry:changes:";
/// How long to wait before Redis is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What a node tells others and hears from them. Clones share it.
#[derive(Clone, Default)]
pub struct Notices {
    told: Option<mpsc::UnboundedSender<()>>,
    news: Arc<Notify>,
    heard: Arc<AtomicU64>,
}

impl Notices {
    /// Connects in the background, again and again. `hub`: what tells this hub from others that share the same Redis.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn start(url: &SecretString, hub: &str) -> anyhow::Result<Self> {
        // What the library says of a wrong URL may repeat it, with its password.
        let client = redis::Client::open(url.expose_secret()).map_err(|e| anyhow::anyhow!("redis.url: {}", e.category()))?;
        let (told, telling) = mpsc::unbounded_channel();
        let notices = Self { told: Some(told), ..Self::default() };
        let own = u64::from_le_bytes(secret::random::<8>()).to_string();
        let channel = format!("{CHANNEL}{hub}");
        tokio::spawn(hear(client.clone(), channel.clone(), own.clone(), notices.clone()));
        tokio::spawn(tell(client, channel, own, telling));
        Ok(notices)
    }

    /// Whether a Redis answers: for `belfry doctor`.
    ///
    /// # Errors
    /// What went wrong, in words without the URL.
    pub async fn answers(url: &SecretString) -> Result<String, String> {
        let said = |e: redis::RedisError| e.category().to_owned();
        let client = redis::Client::open(url.expose_secret()).map_err(said)?;
        let asked = async {
            let mut connection = client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        match tokio::time::timeout(AGAIN, asked).await {
            Ok(answered) => answered.map(|()| "it answers".to_owned()).map_err(said),
            Err(_) => Err(format!("it does not answer within {} seconds", AGAIN.as_secs())),
        }
    }

    /// Tells the others that something has changed. Never waits.
    pub fn tell(&self) {
        if let Some(told) = &self.told {
            // Nobody listens any more only when the program ends.
            let _ = told.send(());
        }
    }

    /// Waits until another node says that something has changed; forever, without Redis.
    pub async fn heard(&self) {
        self.news.notified().await;
    }

    /// How often another node has said so.
    pub fn count(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }
}

async fn hear(client: redis::Client, channel: String, own: String, notices: Notices) {
    loop {
        match listen(&client, &channel, &own, &notices).await {
            Ok(()) => tracing::warn!("Redis has hung up: other nodes' changes are seen twice a second until it is back"),
            Err(error) => {
                tracing::warn!(
                    error = error.category(),
                    "Redis does not answer: other nodes' changes are seen twice a second until it does"
                )
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen(client: &redis::Client, channel: &str, own: &str, notices: &Notices) -> redis::RedisResult<()> {
    let mut connection = client.get_async_pubsub().await?;
    connection.subscribe(channel).await?;
    let mut messages = connection.on_message();
    while let Some(message) = messages.next().await {
        if message.get_payload::<String>()? != own {
            notices.heard.fetch_add(1, Ordering::Relaxed);
            notices.news.notify_one();
        }
    }
    Ok(())
}

async fn tell(client: redis::Client, channel: String, own: String, mut telling: mpsc::UnboundedReceiver<()>) {
    let mut connection = None;
    while telling.recv().await.is_some() {
        // Many changes of one moment are one word.
        while telling.try_recv().is_ok() {}
        if connection.is_none() {
            connection = client.get_multiplexed_async_connection().await.ok();
        }
        if let Some(open) = &mut connection
            && open.publish::<_, _, ()>(&channel, &own).await.is_err()
        {
            // The next change tries anew; this one is seen in the log.
            connection = None;
        }
    }
}
