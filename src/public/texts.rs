use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::accounts;
use crate::broadcasts;
use crate::devices;
use crate::error::Error;
use crate::hub::Hub;
use crate::idempotency;
use crate::privacy::{self, GatewayInUse, in_words};
use crate::push::REFUSALS;
use crate::registrations;
use crate::visit::{self, Visit};
use crate::web::{self, Page};

struct Help {
    code: &'static str,
    words: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
}

#[derive(Template)]
#[template(path = "public/help.html")]
struct HelpPage {
    page: Page,
    refusals: Vec<Help>,
}

/// `GET /help`: every way in which the keyed API says no, and what to do.
pub async fn help(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    let rows = REFUSALS.iter().map(|r| Help { code: r.code, words: r.words, status: r.status, meaning: r.meaning, remedy: r.remedy });
    web::html(StatusCode::OK, &HelpPage { page: visit.page(&hub), refusals: rows.collect() })
}

/// Something that the hub keeps.
struct Kept {
    what: &'static str,
    how_long: String,
    who: &'static str,
}

#[derive(Template)]
#[template(path = "public/privacy.html")]
struct Privacy {
    page: Page,
    kept: Vec<Kept>,
    gateways: Vec<GatewayInUse>,
    sends_mail: bool,
    redis: bool,
    cookies: visit::CookieNames,
}

/// `GET /privacy`: what the settings in force and the jobs really do.
pub async fn privacy(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    let page = Privacy {
        page: visit.page(&hub),
        kept: [of_people(&hub), of_sites(&hub), of_work(&hub)].into_iter().flatten().collect(),
        gateways: hub.privacy.gateways.clone(),
        sends_mail: hub.sends_mail,
        redis: hub.privacy.redis,
        cookies: visit::CookieNames::of(&hub),
    };
    web::html(StatusCode::OK, &page)
}

const TEAM: &str = "you, and the hub's team";
const OWNER: &str = "who registered the site, and the hub's team";

fn of_people(hub: &Hub) -> Vec<Kept> {
    let unconfirmed = in_words(accounts::UNCONFIRMED_KEPT);
    let (idle, longest) = (in_words(accounts::IDLE), in_words(accounts::LONGEST));
    let keeps = &hub.privacy.keeps;
    vec![
        Kept {
            what: "Your account: name, e-mail address, a hash of your password, and your second factors.",
            how_long: format!("Until you erase it. If nobody follows the link in our first mail: {unconfirmed}."),
            who: TEAM,
        },
        Kept {
            what: "Where you are logged in: the address and the browser.",
            how_long: format!("Until you log out; {idle} without use, and {longest} in any case."),
            who: "you",
        },
        Kept {
            what: "Places from which you have logged in, as a keyed hash, so that we can tell you of a new one.",
            how_long: "As long as your account.".into(),
            who: "nobody",
        },
        Kept {
            what: "Mails: to whom, when, and the text.",
            how_long: format!("{} after they were sent. That there was a mail, and when, stays.", in_words(keeps.letters_for)),
            who: TEAM,
        },
        Kept {
            what: "That you don't want some of our mails, or that your mailbox refuses them.",
            how_long: format!("Until you want them again; that it refuses them {} at most.", in_words(keeps.letters_for)),
            who: TEAM,
        },
        Kept {
            what: "Who did what, when and why. This log can't be changed; it names accounts by a number.",
            how_long: format!("The log stays. From which address something was done: {}.", in_words(keeps.audit_addresses_for)),
            who: "the hub's team",
        },
    ]
}

fn of_sites(hub: &Hub) -> Vec<Kept> {
    let keeps = &hub.privacy.keeps;
    vec![
        Kept {
            what: "Your site: its name, address, description, country, language and number of users, as you tell them.",
            how_long: "As long as it is registered. Its name, address and figures stay after that, without anybody's name.".into(),
            who: OWNER,
        },
        Kept {
            what: "The contact that your site's Moodle has named: a name and an e-mail address.",
            how_long: format!("{} after the site has left the hub.", in_words(keeps.contacts_for)),
            who: "the hub's team",
        },
        Kept {
            what: "What your Moodle tells of itself once a week, such as users, courses, version and plugins.",
            how_long: format!("{}; the use of plugins {}.", in_words(registrations::DAYS_KEPT), in_words(registrations::MONTHS_KEPT)),
            who: OWNER,
        },
        Kept {
            what: "Reports about abuse: what somebody has told, the address they left, and the network they came from.",
            how_long: format!("{} after the matter was settled.", in_words(keeps.reports_for)),
            who: "the hub's team",
        },
        Kept {
            what: "Cases about abuse: the numbers, what the team did, and what you answered.",
            how_long: format!("The numbers stay. The words: {} after the case was closed.", in_words(keeps.cases_for)),
            who: "the hub's team; you see what you were told",
        },
    ]
}

fn of_work(hub: &Hub) -> Vec<Kept> {
    let stale = match hub.devices().stale_after {
        never if never.is_zero() => String::new(),
        after => format!(", and after {} without a push", in_words(after)),
    };
    let (unconfirmed, gone) = (in_words(hub.devices().confirm_within), in_words(devices::UNREGISTERED_KEPT));
    let networks = in_words(privacy::NETWORKS_FOR);
    vec![
        Kept {
            what: "Your users' phones: the device token, as a hash and encrypted, with its platform, the app, the language if it is told, \
                   the name that your site gives it, and when a push last arrived, to the day. Nothing of who the person is.",
            how_long: format!(
                "Until your site or its app says so; {gone} after its gateway has said that the app is gone; {unconfirmed} if no site has \
                 vouched for it{stale}."
            ),
            who: "who registered the site, who sees the end of the token alone",
        },
        Kept {
            what: "Access keys: a hash, when and how often they were used, and the networks around the addresses of their use, such as \
                   203.0.113.0/24.",
            how_long: format!("The networks {networks}, that of the last use until {networks} after the key has ended. The rest stays."),
            who: OWNER,
        },
        Kept {
            what: "Pushes: of the last fifty of each site the time, the size, the outcome and the end of the device token.",
            how_long: format!("{} at most. How many there were each hour stays.", in_words(hub.privacy.keeps.pushes_for)),
            who: OWNER,
        },
        Kept {
            what: "Broadcasts: what one says, encrypted, until it is over; and how many phones it reached.",
            how_long: format!("{} after it is over.", in_words(broadcasts::KEPT)),
            who: OWNER,
        },
        Kept {
            what: "Answers to programs that name their requests, encrypted.",
            how_long: format!("{}.", in_words(idempotency::KEPT)),
            who: "the program that asked",
        },
    ]
}

/// `GET /robots.txt`: the pages behind a login and the API are nothing for search engines.
pub async fn robots() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("User-agent: *\nDisallow: /my\nDisallow: /staff\nDisallow: /api\nDisallow: /tokens\n")
}
