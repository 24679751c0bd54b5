//! `belfry doctor`: looks at what the hub depends on, and says what is wrong.

use std::process::ExitCode;

use super::say;
use crate::app;
use crate::db::Notices;
use crate::gateways;
use crate::mail::Carrier;
use crate::registrations;
use crate::settings::Settings;

struct Findings {
    wrong: usize,
}

impl Findings {
    fn note(&mut self, part: &str, found: Result<String, String>) {
        match found {
            Ok(words) => say(format!("ok     {part}: {words}")),
            Err(words) => {
                self.wrong += 1;
                say(format!("WRONG  {part}: {words}"));
            }
        }
    }
}

/// Looks at each part.
pub async fn examine(settings: &Settings) -> anyhow::Result<ExitCode> {
    let mut findings = Findings { wrong: 0 };
    let opened = crate::db::Db::open(&settings.database);
    match opened {
        Err(fault) => findings.note("database", Err(fault.to_string())),
        Ok(db) => {
            findings.note(
                "database",
                match db.needs_migration() {
                    Ok(false) => Ok(format!("{:?} answers and is up to date", settings.database)),
                    Ok(true) => Err("older than this program: run `belfry migrate`".to_owned()),
                    Err(fault) => Err(fault.to_string()),
                },
            );
            if matches!(db.needs_migration(), Ok(false)) {
                let ring = app::keyring(settings, &db).await;
                findings.note("secret", ring.map(|_| "the one that the database was made with".to_owned()).map_err(|e| format!("{e:#}")));
            }
            findings.note("public URL", registered_with(settings, &db));
            let smtp = settings.mail.smtp_url.as_ref();
            let carrier = Carrier::new(app::sender(settings), smtp);
            findings.note("mail", mail(carrier.map(|carrier| carrier.server_answers())));
        }
    }
    if let Some(url) = &settings.redis {
        findings.note("Redis", Notices::answers(url).await);
    }
    if let Some(airnotifier) = &settings.gateways.airnotifier {
        for url in &airnotifier.urls {
            findings.note("gateway airnotifier", answers(url.as_str()).await);
        }
    }
    say(if findings.wrong == 0 { "All is well.".to_owned() } else { format!("{} to mend.", findings.wrong) });
    Ok(if findings.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A Moodle keeps its registration under the hub's exact address (`wire/moodle-client.md` 0.13).
fn registered_with(settings: &Settings, db: &crate::db::Db) -> Result<String, String> {
    let url = settings.server.public_url.as_str();
    match db.read_here(|conn| registrations::moved_hub(conn, url)) {
        Ok(0) => Ok(format!("{url}, by which every registered Moodle knows this hub")),
        Ok(sites) => {
            Err(format!("{sites} sites are registered with another address than {url}: they don't find their registration any more"))
        }
        Err(fault) => Err(fault.to_string()),
    }
}

fn mail(answered: anyhow::Result<Option<Result<bool, String>>>) -> Result<String, String> {
    match answered {
        Err(error) => Err(format!("{error:#}")),
        Ok(None) => Ok("no SMTP server is set (mail.smtp_url): letters stay in the outbox".into()),
        Ok(Some(Ok(true))) => Ok("the SMTP server answers".into()),
        Ok(Some(Ok(false))) => Err("the SMTP server does not answer as one".into()),
        Ok(Some(Err(words))) => Err(words),
    }
}

/// AirNotifier's login page touches no database (`wire/airnotifier-server.md` 10).
async fn answers(url: &str) -> Result<String, String> {
    let tls = gateways::Tls::load().map_err(|e| format!("{e:#}"))?;
    gateways::answers(&gateways::Connections::new(&tls), &format!("{}/auth/login", url.trim_end_matches('/'))).await
}
