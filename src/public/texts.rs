use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;

use crate::error::Error;
use crate::hub::Hub;
use crate::push::REFUSALS;
use crate::visit::Visit;
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

#[derive(Template)]
#[template(path = "public/privacy.html")]
struct Privacy {
    page: Page,
}

/// `GET /privacy`
pub async fn privacy(hub: Data<Hub>, visit: Visit) -> Result<HttpResponse, Error> {
    web::html(StatusCode::OK, &Privacy { page: visit.page(&hub) })
}

/// `GET /robots.txt`: the pages behind a login and the API are nothing for search engines.
pub async fn robots() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("User-agent: *\nDisallow: /my\nDisallow: /staff\nDisallow: /api\nDisallow: /tokens\n")
}
