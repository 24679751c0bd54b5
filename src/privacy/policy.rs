//! What this hub does with what it is told, as its settings say it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::settings::{self, GatewayName, Settings};

/// A gateway that serves apps of this hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayInUse {
    pub name: &'static str,
    /// The hosts that it sends to; none: it sends nowhere.
    pub hosts: Vec<String>,
    pub apps: Vec<String>,
}

/// For how long what is kept, and where it goes.
#[derive(Clone, Debug)]
pub struct Policy {
    pub keeps: settings::Privacy,
    pub gateways: Vec<GatewayInUse>,
    /// Whether the hub's nodes tell each other of changes over Redis.
    pub redis: bool,
}

impl Policy {
    pub fn of(settings: &Settings) -> Self {
        let mut by_gateway: BTreeMap<&'static str, GatewayInUse> = BTreeMap::new();
        for (app, served) in &settings.apps {
            let name = served.gateway.as_str();
            let gateway = by_gateway.entry(name).or_insert_with(|| GatewayInUse {
                name,
                hosts: if served.gateway == GatewayName::Airnotifier { hosts(settings) } else { Vec::new() },
                apps: Vec::new(),
            });
            gateway.apps.push(app.clone());
        }
        Self { keeps: settings.privacy, gateways: by_gateway.into_values().collect(), redis: settings.redis.is_some() }
    }
}

/// Where the backend AirNotifiers are: the host alone, since the rest is nobody's business.
fn hosts(settings: &Settings) -> Vec<String> {
    let backends = settings.gateways.airnotifier.iter().flat_map(|backend| &backend.urls);
    let mut hosts: Vec<String> = backends.filter_map(|url| url.host_str().map(str::to_owned)).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// A length of time as people say it: `90 days`, `36 hours`, `1 minute`.
pub fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0 => return "no time at all".to_owned(),
        n if n % 86_400 == 0 => (n / 86_400, "day"),
        n if n % 3_600 == 0 => (n / 3_600, "hour"),
        n if n % 60 == 0 => (n / 60, "minute"),
        n => (n, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &[(&str, &str)]) -> Settings {
        Settings::load(None, more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
    }

    #[test]
    fn times_are_said_in_the_largest_whole_unit() {
        let rows = [(0, "no time at all"), (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (129_600, "36 hours"), (86_400, "1 day")];
        for (seconds, words) in rows {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
        assert_eq!(in_words(Duration::from_secs(90 * 86_400)), "90 days");
    }

    #[test]
    fn a_gateway_in_use_is_named_with_its_hosts_and_apps() {
        let sandbox = Policy::of(&settings(&[]));
        assert_eq!((sandbox.gateways[0].name, sandbox.gateways[0].hosts.len(), sandbox.redis), ("sandbox", 0, false));
        let more = [
            ("BELFRY_APPS__COMMOODLEMOODLEMOBILE__GATEWAY", "airnotifier"),
            ("BELFRY_APPS__OURS__GATEWAY", "airnotifier"),
            ("BELFRY_GATEWAYS__AIRNOTIFIER__URL", "https://push.example/a, https://push.example:8801/b"),
            ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "k"),
            ("BELFRY_REDIS__URL", "redis://r.example"),
        ];
        let policy = Policy::of(&settings(&more));
        let expected = GatewayInUse {
            name: "airnotifier",
            hosts: vec!["push.example".into()],
            apps: vec!["commoodlemoodlemobile".into(), "ours".into()],
        };
        assert_eq!((policy.gateways, policy.redis), (vec![expected], true));
    }
}
