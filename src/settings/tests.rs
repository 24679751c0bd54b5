use std::io::Write;

use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn complaint(pairs: &[(&str, &str)]) -> String {
    Settings::load(None, env(pairs)).unwrap_err().to_string()
}

#[test]
fn defaults_are_a_local_hub() {
    let settings = Settings::load(None, env(&[])).unwrap();
    assert_eq!(settings.profile(), Profile::Local);
    assert_eq!(settings.limits.max_site_users, 20_000);
    assert_eq!(settings.apps[MOODLE_APP].gateway, GatewayName::Sandbox);
    assert!(settings.verification.allow_private_networks);
    assert!(matches!(settings.database, Address::Sqlite(_)));
    assert!(Settings::load(None, env(&[("BELFRY_LOG__LEVEL", "belfry=debug,warn")])).is_ok());
}

#[test]
fn the_environment_wins_over_the_file_over_the_default() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "[hub]\nname = \"From file\"\n[limits]\npush_burst = 7\n[apps.ours]\ngateway = \"sandbox\"\n[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"127.0.0.1\"]").unwrap();
    let settings = Settings::load(Some(file.path()), env(&[("BELFRY_HUB__NAME", "From env"), ("PATH", "/bin")])).unwrap();
    assert_eq!(settings.hub.name, "From env");
    assert_eq!(settings.limits.push_burst.get(), 7);
    assert_eq!(settings.server.trusted_proxies.len(), 2);
    assert!(settings.apps.contains_key("ours") && settings.apps.contains_key(MOODLE_APP));
    let source = |key: &str| settings.shown().iter().find(|s| s.key == key).unwrap().source.clone();
    assert_eq!(source("hub.name"), "BELFRY_HUB__NAME");
    assert_eq!(source("limits.push_burst"), file.path().display().to_string());
    assert_eq!(source("limits.push_per_second"), "default");
}

#[test]
fn every_complaint_names_setting_and_source() {
    let words = complaint(&[
        ("BELFRY_SERVER__BIND", "nowhere"),
        ("BELFRY_LIMITS__PUSH_BURST", "0"),
        ("BELFRY_SERVER__BINDD", "x"),
        ("BELFRY_WHATEVER", "x"),
        ("BELFRY_APPS__X__GATEWAY", "fcm"),
        ("BELFRY_DATABASE__URL", "mysql://x"),
        ("BELFRY_LOG__LEVEL", "belfry=loud"),
    ]);
    for part in [
        "server.bind (BELFRY_SERVER__BIND)",
        "limits.push_burst",
        "Did you mean server.bind?",
        "whatever",
        "not in this version",
        "postgres://",
        "log.level (BELFRY_LOG__LEVEL)",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
}

#[test]
fn the_public_profile_wants_a_secret_and_no_private_networks() {
    let public = ("BELFRY_SERVER__PUBLIC_URL", "https://hub.example");
    let words = complaint(&[public, ("BELFRY_VERIFICATION__ALLOW_PRIVATE_NETWORKS", "true")]);
    assert!(words.contains("refused in the public profile") && words.contains("BELFRY_SERVER__SECRET_KEY="), "{words}");
    let settings = Settings::load(None, env(&[public, ("BELFRY_SERVER__SECRET_KEY", "0123456789abcdef0123456789abcdef")])).unwrap();
    assert_eq!(settings.profile(), Profile::Public);
    assert!(!settings.verification.allow_private_networks);
}

#[test]
fn an_app_behind_airnotifier_needs_to_know_where_it_is() {
    let app = ("BELFRY_APPS__COMMOODLEMOODLEMOBILE__GATEWAY", "airnotifier");
    let words = complaint(&[app]);
    assert!(words.contains("gateways.airnotifier.url") && words.contains("gateways.airnotifier.access_key"), "{words}");
    let more = [app, ("BELFRY_GATEWAYS__AIRNOTIFIER__URL", "http://a:1, http://b:2/"), ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "k")];
    let settings = Settings::load(None, env(&more)).unwrap();
    assert_eq!(settings.gateways.airnotifier.unwrap().urls.len(), 2);
}

#[test]
fn no_secret_is_shown() {
    let secrets = [
        ("BELFRY_SERVER__SECRET_KEY", "sssssssssssssssssssssssssssssssss"),
        ("BELFRY_MAIL__SMTP_URL", "smtp://u:sssss@mail.example"),
        ("BELFRY_DATABASE__URL", "postgres://u:sssss@db.example/belfry"),
        ("BELFRY_GATEWAYS__AIRNOTIFIER__ACCESS_KEY", "sssss"),
    ];
    let settings = Settings::load(None, env(&secrets)).unwrap();
    let printed = format!("{:?} {:?}", settings.shown(), settings);
    assert!(!printed.contains("sssss"), "{printed}");
    assert!(printed.contains("db.example"));
    for url in [
        "postgres://u:sssss@h1.example:5432,h2.example:5432/belfry",
        "postgres://db.example/belfry?user=u&password=sssss&sslpassword=sssss&sslmode=require",
        "postgres://u:sss%73s@[::1]:5432/belfry",
        "postgres://u:sssss@/belfry?host=/run",
    ] {
        let settings = Settings::load(None, env(&[("BELFRY_DATABASE__URL", url)])).unwrap();
        let printed = format!("{:?} {:?}", settings.shown(), settings);
        assert!(!printed.contains("sss"), "{printed}");
        assert!(printed.contains("postgres://"), "{printed}");
    }
}
