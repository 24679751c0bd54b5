//! Builds a running hub from settings and a clock, for `main` and for tests alike; starts the jobs; drains.

mod chores;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};
use anyhow::Context;
use secrecy::SecretString;

pub use chores::{CHORES, Chore, run_if_due, trim};

use crate::accounts::Passwords;
use crate::accounts::factors::RelyingParty;
use crate::clock::Clock;
use crate::db::{Change, ChangeLog, Conn, Db, Fault, Notices, secret as stored_secret};
use crate::devices::Lookup;
use crate::gateways::{Airnotifier, Backends, Connections, Gateways, Tls};
use crate::hub::{Doors, Hub, flood};
use crate::jobs::{Board, Jobs};
use crate::keys::{Grants, Table};
use crate::mail::{Carrier, Desk, Outbox, Sender};
use crate::privacy::Policy;
use crate::proof::Prober;
use crate::push::{self, Counts, Hall, Seen};
use crate::registrations;
use crate::routes;
use crate::secret::Keyring;
use crate::settings::{Changeable, Profile, Settings};
use crate::web::{Assets, Proxies};

/// How many devices are kept in memory: some 200 bytes each.
const CACHED_DEVICES: usize = 200_000;
/// How long requests that have begun may take once the hub is told to stop.
const DRAIN_SECONDS: u64 = 15;
/// How long jobs may take to end.
const JOBS_DRAIN: Duration = Duration::from_secs(10);

/// Opens the database and brings it up to date where that may be done without asking.
///
/// # Errors
/// When it can't be reached, or waits for `belfry migrate`.
pub fn open_database(settings: &Settings, migrate: bool) -> anyhow::Result<Db> {
    let db = Db::open(&settings.database).context("database")?;
    if migrate || matches!(settings.database, crate::db::Address::Sqlite(_)) {
        for name in db.migrate().context("database")? {
            tracing::info!(migration = name, "the database was brought up to date");
        }
    } else if db.needs_migration().context("database")? {
        anyhow::bail!("the database is older than this program: run `belfry migrate`, or start with --migrate");
    }
    Ok(db)
}

/// The keys derived from the master secret: the configured one, or in the local profile one kept in the database.
///
/// # Errors
/// When the database was made with another secret: every key and token in it would be worthless.
pub async fn keyring(settings: &Settings, db: &Db) -> anyhow::Result<Keyring> {
    let configured = settings.server.secret_key.clone();
    let secret: SecretString =
        db.write(move |tx| stored_secret::agree(tx.conn(), configured.as_ref())).await.context("server.secret_key")?;
    let ring = Keyring::derive(&secret);
    db.know(&ring);
    Ok(ring)
}

/// The settings with what the team has changed of them.
///
/// # Errors
/// When the database does not answer.
pub async fn live_settings(settings: &Settings, db: &Db) -> Result<Arc<Changeable>, Fault> {
    let live = Arc::new(Changeable::new(settings.ground().clone()));
    let read = live.clone();
    db.read(move |conn| read.read_again(conn)).await?;
    Ok(live)
}

/// Who the hub's letters are from.
pub fn sender(settings: &Settings) -> Sender<'_> {
    Sender { hub: &settings.hub.name, address: &settings.mail.from, contact: settings.hub.contact_email.as_deref() }
}

/// Builds the hub. Must be called inside the runtime that will run it.
///
/// # Errors
/// When a part can't be started, with what to do about it.
pub async fn build(settings: &Settings, clock: Clock, db: Db) -> anyhow::Result<Hub> {
    let ring = keyring(settings, &db).await?;
    let live = live_settings(settings, &db).await?;
    let (limits, devices) = (live.now().limits, live.now().devices);
    let table = Arc::new(Table::new(ring.clone(), Grants::of(&live.now())));
    let lookup = Arc::new(Lookup::start(db.clone(), &clock, flood(&limits), CACHED_DEVICES));
    let (told_table, told_lookup) = (table.clone(), lookup.clone());
    let notices = match &settings.redis {
        Some(url) => Notices::start(url, &ring.name())?,
        None => Notices::default(),
    };
    let tell = notices.clone();
    db.listen(Arc::new(move |conn, changes| {
        tell.tell();
        take_up(&told_table, &told_lookup, conn, changes)
    }));
    let (loaded, now) = (table.clone(), clock.now());
    let changes = db.read(move |conn| {
        // The place in the log first: what changes while everything is read is read again.
        let here = ChangeLog::here(conn, now)?;
        loaded.load(conn, now)?;
        for (site, pushed) in push::today_by_site(conn, now)? {
            if let Some(cell) = loaded.site(site) {
                cell.pushed_today.resume(now, pushed);
            }
        }
        Ok::<_, Fault>(here)
    });
    let changes = Arc::new(Mutex::new(changes.await?));
    warn_of_moved_hub(settings, &db).await?;
    let apps: BTreeMap<_, _> = settings.apps.iter().map(|(name, app)| (name.clone(), app.gateway)).collect();
    let airnotifier = settings.gateways.airnotifier.as_ref().map(|a| {
        let urls = a.urls.iter().map(ToString::to_string).collect();
        Airnotifier::new(Backends { urls, access_key: a.access_key.clone(), max_in_flight: a.max_in_flight.get() })
    });
    let airnotifier = airnotifier.transpose()?;
    let counts = Counts::default();
    let hall = Hall {
        clock: clock.clone(),
        db: db.clone(),
        ring: ring.clone(),
        table,
        lookup,
        gateways: Gateways::new(airnotifier),
        apps,
        binding: settings.devices.binding,
        payload_bytes: limits.payload_bytes,
        seen: Seen::new(devices.stale_after),
        enrolled: counts.worker(),
    };
    let smtp = settings.mail.smtp_url.as_ref();
    let shows_letters = settings.profile() == Profile::Local;
    let desk = Desk::new(&settings.hub.name, settings.server.public_url.as_str());
    let carrier = Carrier::new(sender(settings), smtp)?;
    let outbox = Outbox::new(db.clone(), clock.clone(), carrier, ring.clone(), desk.clone(), shows_letters);
    outbox.start().await?;
    Ok(Hub {
        name: settings.hub.name.clone(),
        contact: settings.hub.contact_email.clone(),
        public_url: settings.server.public_url.clone(),
        profile: settings.profile(),
        doors: Doors::new(&limits, &clock),
        clock,
        db,
        ring,
        passwords: Passwords::default(),
        passkeys: RelyingParty::new(&settings.hub.name, settings.server.public_url.origin()),
        desk,
        outbox,
        sends_mail: smtp.is_some(),
        hall: Arc::new(hall),
        counts,
        changes,
        notices,
        prober: Prober::new(settings.verification.allow_private_networks),
        proxies: Proxies::new(settings.server.trusted_proxies.clone()),
        assets: Assets::new(""),
        settings: live,
        settling: Mutex::default(),
        rotation_overlap: settings.keys.rotation_overlap,
        board: Board::default(),
        sitecheck_from: settings.registration.sitecheck_from.clone(),
        privacy: Policy::of(settings),
    })
}

/// Says so loudly when registered sites know the hub by another address: Moodle keeps its registration under the exact one.
async fn warn_of_moved_hub(settings: &Settings, db: &Db) -> Result<(), Fault> {
    let url = settings.server.public_url.as_str().to_owned();
    let sites = db.read(move |conn| registrations::moved_hub(conn, &url)).await?;
    if sites > 0 {
        let public_url = settings.server.public_url.as_str();
        tracing::error!(
            sites,
            public_url,
            "sites are registered with another server.public_url: they don't find their registration any more"
        );
    }
    Ok(())
}

/// A hub that runs.
pub struct Running {
    pub address: SocketAddr,
    pub hub: Data<Hub>,
    server: actix_web::dev::Server,
    jobs: Jobs,
}

impl Running {
    /// Stops the server from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Serves until SIGTERM, SIGINT or [`Running::handle`] says stop; then finishes what is in flight and writes what
    /// was counted.
    ///
    /// # Errors
    /// When the server breaks.
    pub async fn serve(self) -> anyhow::Result<()> {
        self.server.await.context("server")?;
        // Twice: who stops the hub may lose patience with a job, and a job may count.
        self.hub.fresh_counts().await;
        self.hub.outbox.stop();
        if tokio::time::timeout(JOBS_DRAIN, self.jobs.stop()).await.is_err() {
            tracing::warn!("a job did not end in time; what it has leased is taken up after its lease");
        }
        self.hub.counts.flush(&self.hub.db).await.context("last counts")?;
        self.hub.hall.seen.flush(&self.hub.db).await.context("last devices seen")?;
        chores::note_key_use(&self.hub).await.context("last use of keys")?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Listens, and starts the jobs.
///
/// # Errors
/// When the address is taken.
pub fn start(settings: &Settings, hub: Hub) -> anyhow::Result<Running> {
    let hub = Data::new(hub);
    let listener =
        TcpListener::bind(settings.server.bind).with_context(|| format!("server.bind: {} can't be used", settings.server.bind))?;
    let address = listener.local_addr()?;
    let (shared, body_bytes) = (hub.clone(), settings.limits.body_bytes);
    let (assets, tls) = (Data::new(hub.assets.clone()), Tls::load()?);
    let for_jobs = Data::new(Connections::new(&tls));
    let server = HttpServer::new(move || {
        // One client and one set of counters a worker: neither is shared with another thread while a push is on its way.
        App::new()
            .app_data(shared.clone())
            .app_data(assets.clone())
            .app_data(Data::new(Connections::new(&tls)))
            .app_data(Data::new(shared.counts.worker()))
            .app_data(PayloadConfig::new(body_bytes))
            .configure(routes::configure)
    })
    .workers(settings.server.workers)
    .shutdown_timeout(DRAIN_SECONDS)
    .listen(listener)?
    .run();
    let jobs = chores::start(&hub, for_jobs);
    tracing::info!(%address, public_url = hub.public_url.as_str(), "listening");
    Ok(Running { address, hub, server, jobs })
}

/// Both are told of everything, whatever becomes of the other.
fn take_up(table: &Table, lookup: &Lookup, conn: &mut Conn, changes: &[Change]) -> Result<(), Fault> {
    let keys = table.follow(conn, changes);
    lookup.follow(conn, changes).and(keys)
}
