//! As typed → as used: defaults, sources, checks, masked printing. Elsewhere nobody reads the environment.

mod abuse;
pub mod live;
mod privacy;
mod source;
pub mod table;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use abuse::{Abuse, Signal, Thresholds};
pub use live::{Changeable, Ground, Live, NotTaken, Told};
pub use privacy::Privacy;
use source::All;
pub use source::{Complaint, Complaints};
pub use values::{Binding, ClaimedPush, GatewayName, PublicUrl, duration};

use crate::db::Address;
use crate::secret;

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: Server,
    pub database: Address,
    pub redis: Option<SecretString>,
    pub mail: Mail,
    pub hub: Hub,
    pub limits: Limits,
    pub registration: Registration,
    pub keys: Keys,
    pub devices: Devices,
    /// By the name in `X-AN-APP-NAME`.
    pub apps: BTreeMap<String, App>,
    pub gateways: Gateways,
    pub verification: Verification,
    pub abuse: Abuse,
    pub privacy: Privacy,
    pub log: Log,
    ground: Ground,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub bind: SocketAddr,
    pub public_url: PublicUrl,
    pub workers: usize,
    pub trusted_proxies: Vec<IpNet>,
    pub secret_key: Option<SecretString>,
}

#[derive(Clone, Debug)]
pub struct Mail {
    pub smtp_url: Option<SecretString>,
    pub from: String,
}

#[derive(Clone, Debug)]
pub struct Hub {
    pub name: String,
    pub contact_email: Option<String>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_site_users: u64,
    pub push_per_second: NonZeroU32,
    pub push_burst: NonZeroU32,
    pub push_per_day: u64,
    pub push_per_device_per_minute: NonZeroU32,
    pub enrol_per_second: NonZeroU32,
    pub enrol_burst: NonZeroU32,
    pub accesskeys_per_site_per_hour: NonZeroU32,
    pub accesskeys_per_address_per_hour: NonZeroU32,
    pub api_per_minute: NonZeroU32,
    pub broadcasts_per_hour: NonZeroU32,
    pub broadcast_per_second: NonZeroU32,
    pub registrations_per_hour: NonZeroU32,
    pub logins_per_hour: NonZeroU32,
    pub resets_per_hour: NonZeroU32,
    pub trial_devices: u64,
    pub trial_per_second: NonZeroU32,
    pub trial_per_day: u64,
    pub body_bytes: usize,
    pub payload_bytes: usize,
    pub spool_per_site: u64,
    pub spool_ttl: Duration,
}

#[derive(Clone, Debug)]
pub struct Registration {
    pub claimed_push: ClaimedPush,
    /// Who may ask whether a site is registered; nobody named: anybody.
    pub sitecheck_from: Vec<IpNet>,
    /// How long a site that has grown beyond the user limit goes on pushing.
    pub over_limit_grace: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct Keys {
    pub rotation_overlap: Duration,
    /// After how long the owner of a key in use is reminded to rotate it; nothing: never.
    pub remind_after: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct Devices {
    pub binding: Binding,
    pub confirm_within: Duration,
    pub stale_after: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct App {
    pub gateway: GatewayName,
}

#[derive(Clone, Debug)]
pub struct Gateways {
    pub airnotifier: Option<Airnotifier>,
}

#[derive(Clone, Debug)]
pub struct Airnotifier {
    pub urls: Vec<Url>,
    pub access_key: SecretString,
    pub max_in_flight: NonZeroUsize,
}

#[derive(Clone, Copy, Debug)]
pub struct Verification {
    pub allow_private_networks: bool,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub json: bool,
    pub filter: tracing_subscriber::filter::Targets,
}

/// Whether the hub is for its own machine or for the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Local,
    Public,
}

/// A setting in force, for people: secrets masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub key: String,
    pub value: String,
    pub source: String,
}

/// The app that is served when nobody names another.
pub const MOODLE_APP: &str = "commoodlemoodlemobile";
/// The shortest master secret, in characters.
const SECRET_LENGTH: usize = 32;

impl Settings {
    /// Reads the built-in defaults, then `file` (or `belfry.toml` here), then the environment.
    ///
    /// # Errors
    /// Everything that is wrong, each with its setting and source.
    pub fn load(file: Option<&Path>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, Complaints> {
        let mut complaints = Complaints::default();
        let all = source::gather(file, env, &mut complaints);
        let mut reader = Reader { all: &all, complaints };
        let settings = read(&mut reader);
        match (settings, reader.complaints) {
            (Some(settings), complaints) if complaints.0.is_empty() => Ok(settings),
            (_, complaints) => Err(complaints),
        }
    }

    /// An https URL makes the hub public.
    pub fn profile(&self) -> Profile {
        if self.server.public_url.is_https() { Profile::Public } else { Profile::Local }
    }

    /// Every setting in force.
    pub fn shown(&self) -> &[Shown] {
        self.ground.shown()
    }

    /// What file and environment say, for what the team changes to be laid over.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }
}

/// Reads settings one by one, and collects what is wrong with each.
struct Reader<'a> {
    all: &'a All,
    complaints: Complaints,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> &str {
        self.all.get(key).map_or("", |typed| typed.value.as_str())
    }

    fn complain(&mut self, key: &str, words: impl Into<String>) {
        let source = self.all.get(key).map_or("default", |typed| typed.source.as_str()).to_owned();
        self.complaints.add(key, &source, words);
    }

    fn with<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.text(key)) {
            Ok(value) => Some(value),
            Err(words) => {
                self.complain(key, words);
                None
            }
        }
    }

    fn get<T: FromStr<Err: ToString>>(&mut self, key: &str) -> Option<T> {
        self.with(key, |text| text.parse().map_err(|e: T::Err| format!("{text:?} can't be used: {}", e.to_string())))
    }

    fn optional(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn secret(&self, key: &str) -> Option<SecretString> {
        self.optional(key).map(SecretString::from)
    }

    fn list<T: FromStr<Err: ToString>>(&mut self, key: &str) -> Option<Vec<T>> {
        self.with(key, |text| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| part.parse().map_err(|e: T::Err| format!("{part:?} can't be used: {}", e.to_string()))).collect()
        })
    }
}

fn read(r: &mut Reader) -> Option<Settings> {
    let (server, apps, live) = (server(r), apps(r), live::read(r));
    let gateways = gateways(r, apps.as_ref());
    let (mail, hub) = (mail(r), Hub { name: r.text("hub.name").to_owned(), contact_email: r.optional("hub.contact_email") });
    let database = r.with("database.url", values::database);
    let is_public = server.as_ref().is_some_and(|server| server.public_url.is_https());
    let verification = verification(r, is_public);
    let privacy = privacy::read(r);
    let json = r.with("log.format", |text| match text {
        "text" => Ok(false),
        "json" => Ok(true),
        _ => Err("use text or json".into()),
    });
    let filter = r.with("log.level", values::log_filter);
    let live = live?;
    Some(Settings {
        server: server?,
        database: database?,
        redis: redis(r),
        mail: mail?,
        hub,
        limits: live.limits,
        registration: live.registration.clone(),
        keys: live.keys,
        devices: live.devices,
        apps: apps?,
        gateways: gateways?,
        verification: verification?,
        abuse: live.abuse.clone(),
        privacy: privacy?,
        log: Log { json: json?, filter: filter? },
        ground: Ground::new(live, r.all, shown(r.all)),
    })
}

fn redis(r: &mut Reader) -> Option<SecretString> {
    let url = r.secret("redis.url");
    if url.as_ref().is_some_and(|url| !["redis://", "rediss://"].iter().any(|scheme| url.expose_secret().starts_with(scheme))) {
        r.complain("redis.url", "use redis://… or rediss://…");
    }
    url
}

fn keys(r: &mut Reader) -> Option<Keys> {
    let (overlap, remind_after) = (r.with("keys.rotation_overlap", duration), r.with("keys.remind_after", duration));
    Some(Keys { rotation_overlap: overlap?, remind_after: remind_after? })
}

fn devices(r: &mut Reader) -> Option<Devices> {
    let (binding, confirm_within, stale_after) =
        (r.get("devices.binding"), r.with("devices.confirm_within", duration), r.with("devices.stale_after", duration));
    Some(Devices { binding: binding?, confirm_within: confirm_within?, stale_after: stale_after? })
}

fn registration(r: &mut Reader) -> Option<Registration> {
    let (claimed_push, sitecheck_from) = (r.get("registration.claimed_push"), r.with("registration.sitecheck_from", networks));
    let over_limit_grace = r.with("registration.over_limit_grace", duration);
    Some(Registration { claimed_push: claimed_push?, sitecheck_from: sitecheck_from?, over_limit_grace: over_limit_grace? })
}

fn server(r: &mut Reader) -> Option<Server> {
    let (bind, public_url): (_, Option<PublicUrl>) = (r.get("server.bind"), r.get("server.public_url"));
    let workers = r.with("server.workers", |text| match text {
        "" => Ok(std::thread::available_parallelism().map_or(1, NonZeroUsize::get)),
        text => text.parse::<NonZeroUsize>().map(NonZeroUsize::get).map_err(|_| "use a whole number from 1".into()),
    });
    let trusted_proxies = r.with("server.trusted_proxies", networks);
    let secret_key = r.secret("server.secret_key");
    if secret_key.as_ref().is_some_and(|key| key.expose_secret().len() < SECRET_LENGTH) {
        r.complain("server.secret_key", format!("at least {SECRET_LENGTH} characters, please"));
    }
    if secret_key.is_none() && public_url.as_ref().is_some_and(PublicUrl::is_https) {
        let fresh = secret::random_text();
        let words = format!("required in the public profile. Here is a fresh one: BELFRY_SERVER__SECRET_KEY={}", fresh.expose_secret());
        r.complain("server.secret_key", words);
    }
    Some(Server { bind: bind?, public_url: public_url?, workers: workers?, trusted_proxies: trusted_proxies?, secret_key })
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is no network such as 10.0.0.0/8"))
}

fn mail(r: &mut Reader) -> Option<Mail> {
    let smtp_url = r.secret("mail.smtp_url");
    if smtp_url.as_ref().is_some_and(|url| !url.expose_secret().starts_with("smtp://") && !url.expose_secret().starts_with("smtps://")) {
        r.complain("mail.smtp_url", "use smtp://… or smtps://…");
    }
    let from = r.with("mail.from", |text| if text.contains('@') { Ok(text.to_owned()) } else { Err("use an e-mail address".into()) });
    Some(Mail { smtp_url, from: from? })
}

fn limits(r: &mut Reader) -> Option<Limits> {
    let max_site_users = r.get("limits.max_site_users");
    let (push_per_second, push_burst, push_per_day) =
        (r.get("limits.push_per_second"), r.get("limits.push_burst"), r.get("limits.push_per_day"));
    let push_per_device_per_minute = r.get("limits.push_per_device_per_minute");
    let (enrol_per_second, enrol_burst) = (r.get("limits.enrol_per_second"), r.get("limits.enrol_burst"));
    let accesskeys_per_site_per_hour = r.get("limits.accesskeys_per_site_per_hour");
    let accesskeys_per_address_per_hour = r.get("limits.accesskeys_per_address_per_hour");
    let (api, broadcasts, broadcast) =
        (r.get("limits.api_per_minute"), r.get("limits.broadcasts_per_hour"), r.get("limits.broadcast_per_second"));
    let (registrations, logins, resets) =
        (r.get("limits.registrations_per_hour"), r.get("limits.logins_per_hour"), r.get("limits.resets_per_hour"));
    let (trial_devices, trial_per_second, trial_per_day) =
        (r.get("limits.trial_devices"), r.get("limits.trial_per_second"), r.get("limits.trial_per_day"));
    let (body_bytes, payload_bytes) = (r.get("limits.body_bytes"), r.get("limits.payload_bytes"));
    let (spool_per_site, spool_ttl) = (r.get("limits.spool_per_site"), r.with("limits.spool_ttl", duration));
    Some(Limits {
        max_site_users: max_site_users?,
        push_per_second: push_per_second?,
        push_burst: push_burst?,
        push_per_day: push_per_day?,
        push_per_device_per_minute: push_per_device_per_minute?,
        enrol_per_second: enrol_per_second?,
        enrol_burst: enrol_burst?,
        accesskeys_per_site_per_hour: accesskeys_per_site_per_hour?,
        accesskeys_per_address_per_hour: accesskeys_per_address_per_hour?,
        api_per_minute: api?,
        broadcasts_per_hour: broadcasts?,
        broadcast_per_second: broadcast?,
        registrations_per_hour: registrations?,
        logins_per_hour: logins?,
        resets_per_hour: resets?,
        trial_devices: trial_devices?,
        trial_per_second: trial_per_second?,
        trial_per_day: trial_per_day?,
        body_bytes: body_bytes?,
        payload_bytes: payload_bytes?,
        spool_per_site: spool_per_site?,
        spool_ttl: spool_ttl?,
    })
}

fn apps(r: &mut Reader) -> Option<BTreeMap<String, App>> {
    let mut apps = BTreeMap::from([(MOODLE_APP.to_owned(), App { gateway: GatewayName::Sandbox })]);
    let named: Vec<String> = r.all.keys().filter(|key| key.starts_with("apps.")).cloned().collect();
    let mut good = true;
    for key in named {
        let name = key.trim_start_matches("apps.").trim_end_matches(".gateway").to_owned();
        match r.get(&key) {
            Some(gateway) => {
                apps.insert(name, App { gateway });
            }
            None => good = false,
        }
    }
    good.then_some(apps)
}

fn gateways(r: &mut Reader, apps: Option<&BTreeMap<String, App>>) -> Option<Gateways> {
    let urls: Option<Vec<Url>> = r.list("gateways.airnotifier.url");
    let max_in_flight = r.get("gateways.airnotifier.max_in_flight");
    let access_key = r.secret("gateways.airnotifier.access_key");
    let wanted = apps.is_some_and(|apps| apps.values().any(|app| app.gateway == GatewayName::Airnotifier));
    let urls = urls?;
    if urls.iter().any(|url| !matches!(url.scheme(), "http" | "https")) {
        r.complain("gateways.airnotifier.url", "use http://… or https://…");
    }
    if urls.iter().any(|url| !url.username().is_empty() || url.password().is_some()) {
        r.complain("gateways.airnotifier.url", "leave out user and password: an AirNotifier has none");
    }
    if wanted && urls.is_empty() {
        r.complain("gateways.airnotifier.url", "an app uses the gateway airnotifier: say where it is");
    }
    if wanted && access_key.is_none() {
        r.complain("gateways.airnotifier.access_key", "an app uses the gateway airnotifier: its access key is needed");
    }
    let max_in_flight = max_in_flight?;
    let airnotifier = access_key.filter(|_| !urls.is_empty()).map(|access_key| Airnotifier { urls, access_key, max_in_flight });
    Some(Gateways { airnotifier })
}

fn verification(r: &mut Reader, is_public: bool) -> Option<Verification> {
    let allow_private_networks = r.with("verification.allow_private_networks", |text| match text {
        "" => Ok(!is_public),
        "true" if is_public => Err("refused in the public profile: anybody could make the hub visit your own network".into()),
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("use true or false".into()),
    })?;
    Some(Verification { allow_private_networks })
}

fn shown(all: &All) -> Vec<Shown> {
    let rows = all.iter().map(|(key, typed)| {
        let masked = table::find(key).is_none_or(|row| row.secret) && !typed.value.is_empty();
        let value = if masked { "…".to_owned() } else { without_passwords(&typed.value) };
        Shown { key: key.clone(), value: format!("{value:?}"), source: typed.source.clone() }
    });
    rows.collect()
}

/// What may be shown of a setting that is, or has in it, an address: no password, wherever it stands. An address that
/// can't be read, such as libpq's with several hosts, is shown by its scheme alone.
fn without_passwords(text: &str) -> String {
    let Some((scheme, _)) = text.split_once("://") else { return text.to_owned() };
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.len() > 1 && parts.iter().all(|part| part.contains("://")) {
        return parts.into_iter().map(without_passwords).collect::<Vec<_>>().join(", ");
    }
    let Ok(mut url) = Url::parse(text) else { return format!("{scheme}://…") };
    if !text.contains('@') && url.query().is_none() {
        return text.to_owned();
    }
    if url.password().is_some() {
        let _ = url.set_password(Some("…"));
    }
    let secret = |name: &str| ["pass", "secret", "key", "token"].iter().any(|part| name.to_ascii_lowercase().contains(part));
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if !pairs.is_empty() {
        let shown = pairs.into_iter().map(|(name, value)| if secret(&name) { (name, "…".to_owned()) } else { (name, value) });
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.to_string()
}

#[cfg(test)]
mod tests;
