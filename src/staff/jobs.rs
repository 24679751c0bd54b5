use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::error::Error;
use crate::hub::Hub;
use crate::jobs::{self, Job, Ran};
use crate::visit::Staff;
use crate::web::{self, Badge, Page, When, filters};

/// A job, as the page lists it.
struct JobRow {
    name: String,
    /// What it is for.
    what: &'static str,
    state: Badge,
    ended: Option<When>,
    took: String,
    due: Option<When>,
    runs: String,
    failures: String,
    error: Option<String>,
}

/// What a job is for, in a few words.
fn purpose(name: &str) -> &'static str {
    match name {
        "devices" => "Deletes devices that nobody has confirmed, that are no longer registered, or that were not seen for long",
        "keys" => "Mails owners about keys that end soon or are old",
        "user limit" => "Applies the user limit where it has changed, and switches push off where the grace beyond it is over",
        "abuse" => "Looks for signs of abuse, opens cases, and ends limits whose time is over",
        "retention" => "Erases what is kept no longer than the privacy page says",
        "erasure" => "Erases accounts whose owners asked for it, step by step",
        "tidying" => "Forgets what nobody needs any more: old letters, logins, links, reports, contacts of sites that have left",
        "settings" => "Takes up settings that the team has changed on another node",
        "changes" => "Takes up what other nodes have changed",
        "outbox" => "Sends mail",
        "broadcasts" => "Goes on with broadcasts",
        "counts" => "Writes what was counted of pushes",
        "key use" => "Writes when and from where keys were used",
        _ => "",
    }
}

fn count(number: u64) -> String {
    filters::with_commas(&number.to_string())
}

fn state(runs: bool, error: Option<&String>, has_run: bool) -> Badge {
    match (runs, error, has_run) {
        (true, ..) => Badge::new("warn", "Running"),
        (false, Some(_), _) => Badge::new("bad", "Failed"),
        (false, None, true) => Badge::new("ok", "OK"),
        (false, None, false) => Badge::new("idle", "Not yet"),
    }
}

impl JobRow {
    fn of_all(job: Job, now: crate::clock::Timestamp) -> Self {
        let number = |n: i64| count(u64::try_from(n).unwrap_or(0));
        Self {
            state: state(job.leased_until > now, job.error.as_ref(), job.ended_at.is_some()),
            what: purpose(&job.name),
            name: job.name,
            ended: job.ended_at.map(When::from),
            took: job.took_ms.map_or_else(|| "–".to_owned(), |ms| format!("{} ms", number(ms))),
            due: Some(job.due_at.into()),
            runs: number(job.runs),
            failures: number(job.failures),
            error: job.error,
        }
    }

    fn of_node((name, ran): (&'static str, Ran)) -> Self {
        Self {
            name: name.to_owned(),
            what: purpose(name),
            state: state(false, ran.error.as_ref(), true),
            ended: Some(ran.ended_at.into()),
            took: format!("{:.1} ms", ran.took.as_secs_f64() * 1_000.0),
            due: None,
            runs: count(ran.runs),
            failures: count(ran.failures),
            error: ran.error,
        }
    }
}

#[derive(Template)]
#[template(path = "staff/jobs.html")]
struct JobsPage {
    page: Page,
    shared: Vec<JobRow>,
    own: Vec<JobRow>,
}

/// `GET /staff/jobs`: what runs by itself, when it ran last, and how that ended.
pub async fn show(hub: Data<Hub>, staff: Staff) -> Result<HttpResponse, Error> {
    let now = hub.clock.now();
    let shared = hub.db.read(jobs::all).await?;
    let page = JobsPage {
        page: staff.visit.page(&hub),
        shared: shared.into_iter().map(|job| JobRow::of_all(job, now)).collect(),
        own: hub.board.all().into_iter().map(JobRow::of_node).collect(),
    };
    web::html(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_of_all_nodes_says_what_it_is_for() {
        for chore in crate::app::CHORES {
            assert!(!purpose(chore.name).is_empty(), "{}", chore.name);
        }
    }
}
