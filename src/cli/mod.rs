//! The command line, for operators.

mod doctor;
mod operate;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;

use crate::accounts::Role;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::telemetry;
use crate::{api, app};

/// A self-hosted registration hub and push access point for Moodle sites.
#[derive(Parser)]
#[command(name = "belfry", version, about)]
struct Arguments {
    /// The settings file; `belfry.toml` here is read without being named.
    #[arg(long, global = true, env = "BELFRY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Bring a PostgreSQL database up to date before serving; SQLite is always brought up to date.
    #[arg(long)]
    migrate: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub; the same as no command.
    Serve {
        /// Bring a PostgreSQL database up to date first.
        #[arg(long)]
        migrate: bool,
    },
    /// Bring the database up to date.
    Migrate,
    /// Members of the hub's team.
    Staff {
        #[command(subcommand)]
        command: StaffCommand,
    },
    /// Sites.
    Site {
        #[command(subcommand)]
        command: SiteCommand,
    },
    /// Access keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Settings.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// The audit log.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Print the native API as OpenAPI 3.1.
    Openapi,
    /// Check database, mail and gateways, and say what is wrong.
    Doctor,
}

#[derive(Subcommand)]
enum StaffCommand {
    /// Make somebody a member of the team; prints a one-time link to set a password.
    Add {
        email: String,
        #[arg(long)]
        role: Role,
    },
}

#[derive(Subcommand)]
enum SiteCommand {
    /// Register a site for somebody, without mail; prints its id.
    Add {
        #[arg(long)]
        url: String,
        #[arg(long)]
        name: String,
        /// Whose site it is: an account is made if there is none.
        #[arg(long)]
        email: String,
        /// Registered users.
        #[arg(long, default_value = "0")]
        users: String,
        /// ISO 3166 country code.
        #[arg(long, default_value = "ES")]
        country: String,
        /// Vouch for its ownership: it is active at once.
        #[arg(long)]
        active: bool,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Issue an access key; prints it, once.
    Issue {
        site: String,
        /// `site` or `devices`.
        #[arg(long, default_value = "site")]
        kind: String,
    },
    /// List a site's access keys with their ids.
    List { site: String },
    /// Give an access key a successor; prints it, once. The key itself goes on working for the overlap.
    Rotate {
        /// The key itself, or its id; a site's id may stand before it.
        #[arg(num_args = 1..=2, required = true, value_names = ["SITE", "KEY"])]
        key: Vec<String>,
        /// Such as `7d`, `1h` or `0`; what `keys.rotation_overlap` says if not given.
        #[arg(long)]
        overlap: Option<String>,
    },
    /// Revoke an access key: within a second no node takes it.
    Revoke {
        /// The key itself, or its id; a site's id may stand before it.
        #[arg(num_args = 1..=2, required = true, value_names = ["SITE", "KEY"])]
        key: Vec<String>,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the settings in force, secrets masked.
    Check,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Check that no entry was changed or removed.
    Verify,
}

/// Prints a line. Whoever has closed the other end of the pipe, as `head` does, wants no more: that is no error.
fn say(words: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{words}");
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match obey(arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "belfry: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(arguments.config.as_deref(), std::env::vars())?;
    let command = arguments.command.unwrap_or(Command::Serve { migrate: arguments.migrate });
    if let Command::Config { command: ConfigCommand::Check } = command {
        print_settings(&settings);
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Openapi = command {
        let document = api::openapi::document(settings.server.public_url.as_str(), settings.apps.keys().map(String::as_str));
        say(serde_json::to_string_pretty(&document)?);
        return Ok(ExitCode::SUCCESS);
    }
    telemetry::start(&settings.log);
    actix_web::rt::System::new().block_on(async move {
        match command {
            Command::Serve { migrate } => serve(&settings, migrate || arguments.migrate).await,
            Command::Migrate => migrate(&settings),
            Command::Staff { command: StaffCommand::Add { email, role } } => operate::add_staff(&settings, &email, role).await,
            Command::Site { command: SiteCommand::Add { url, name, email, users, country, active } } => {
                operate::add_site(&settings, &operate::SiteWords { url, name, email, users, country, active }).await
            }
            Command::Key { command: KeyCommand::Issue { site, kind } } => operate::issue_key(&settings, &site, &kind).await,
            Command::Key { command: KeyCommand::List { site } } => operate::list_keys(&settings, &site),
            Command::Key { command: KeyCommand::Rotate { key, overlap } } => operate::rotate_key(&settings, &key, overlap.as_deref()).await,
            Command::Key { command: KeyCommand::Revoke { key } } => operate::revoke_key(&settings, &key).await,
            Command::Audit { command: AuditCommand::Verify } => operate::verify_audit(&settings).await,
            Command::Doctor => doctor::examine(&settings).await,
            Command::Config { .. } | Command::Openapi => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn serve(settings: &Settings, migrate: bool) -> anyhow::Result<ExitCode> {
    let db = app::open_database(settings, migrate)?;
    let hub = app::build(settings, Clock::system(), db).await?;
    let shows_letters = hub.shows_letters();
    let running = app::start(settings, hub)?;
    let url = settings.server.public_url.as_str();
    say(format!("Belfry is at {url}"));
    if shows_letters {
        say(format!("No SMTP server is set: mail is printed here and listed at {url}/staff/outbox"));
    }
    running.serve().await?;
    Ok(ExitCode::SUCCESS)
}

fn migrate(settings: &Settings) -> anyhow::Result<ExitCode> {
    let applied = crate::db::Db::open(&settings.database)?.migrate()?;
    for name in &applied {
        say(format!("applied {name}"));
    }
    say("The database is up to date.");
    Ok(ExitCode::SUCCESS)
}

fn print_settings(settings: &Settings) {
    for shown in settings.shown() {
        say(format!("{} = {}  # {}", shown.key, shown.value, shown.source));
    }
}

/// A link with a secret, for the terminal of whoever asked for it.
fn link(settings: &Settings, path: &str, token: &secrecy::SecretString) -> String {
    settings.server.public_url.join(&format!("{path}{}", token.expose_secret()))
}
