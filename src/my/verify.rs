use actix_web::Either;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use futures_util::future::join_all;

use super::sites::owned;
use super::views::SiteHead;
use crate::error::Error;
use crate::hub::Hub;
use crate::ids::SiteId;
use crate::proof::{NoProof, Way};
use crate::sites::{self, ProofKind, Proved, Site, SiteState};
use crate::visit::{Owner, Posted};
use crate::web::{self, Page, Redirect};

/// One way that was tried.
struct Tried {
    way: String,
    text: String,
}

#[derive(Template)]
#[template(path = "my/verify.html")]
struct VerifyPage {
    page: Page,
    site: SiteHead,
    verified: Option<String>,
    /// What comes first, where nothing is looked at yet.
    first: Option<&'static str>,
    token: String,
    meta_tag: String,
    file_url: String,
    has_path: bool,
    dns_name: String,
    dns_value: String,
    results: Vec<Tried>,
}

fn page(hub: &Hub, owner: &Owner, site: &Site, results: Vec<Tried>, status: StatusCode) -> Result<HttpResponse, Error> {
    let url = site.site_url()?;
    let page = VerifyPage {
        page: owner.visit.page(hub),
        site: SiteHead::new(site, hub.max_users(site.id)),
        verified: site.proof.filter(|_| site.state == SiteState::Active).map(|proof| proof.words().to_owned()),
        first: first(site.state),
        token: site.proof_token.clone(),
        meta_tag: format!(r#"<meta name="belfry-verification" content="{}">"#, site.proof_token),
        file_url: format!("{url}/.well-known/belfry-verification.txt"),
        has_path: url.as_url().path() != "/",
        dns_name: url.domain().unwrap_or_default().to_owned(),
        dns_value: format!("belfry-verification={}", site.proof_token),
        results,
    };
    web::html(status, &page)
}

/// What comes before a look at a site in this state; `None`: nothing does.
fn first(state: SiteState) -> Option<&'static str> {
    match state {
        SiteState::Registered => Some("Confirm your e-mail address first: follow the link in the mail that we have sent you."),
        SiteState::Suspended => Some("This site is suspended, so nothing is checked. Its page says why and what to do."),
        SiteState::Unregistered => Some("This site has left the hub. Register it again to use push."),
        SiteState::Unverified | SiteState::Claimed | SiteState::Active => None,
    }
}

/// `GET /my/sites/{site}/verify`
pub async fn show(hub: Data<Hub>, owner: Owner, site: Path<SiteId>) -> Result<HttpResponse, Error> {
    let (account, id) = (owner.account.id, site.into_inner());
    let site = hub.db.read(move |conn| owned(conn, account, id)).await?;
    page(&hub, &owner, &site, Vec::new(), StatusCode::OK)
}

fn kind(way: Way) -> ProofKind {
    match way {
        Way::Meta => ProofKind::Meta,
        Way::File => ProofKind::File,
        Way::Dns => ProofKind::Dns,
    }
}

fn name(way: Way) -> &'static str {
    match way {
        Way::Meta => "Tag on the front page",
        Way::File => "File on the server",
        Way::Dns => "DNS record",
    }
}

/// `POST /my/sites/{site}/verify`: looks now, in one way (`way`) or in all three.
pub async fn check(
    hub: Data<Hub>,
    owner: Owner,
    site: Path<SiteId>,
    Posted(fields): Posted,
) -> Result<Either<HttpResponse, Redirect>, Error> {
    let (account, id) = (owner.account.id, site.into_inner());
    let site = hub.db.read(move |conn| owned(conn, account, id)).await?;
    if let Some(words) = first(site.state) {
        return Err(Error::Conflict(words.to_owned()));
    }
    if site.state == SiteState::Active {
        let to = Redirect::to(format!("/my/sites/{id}")).flash("ok", "It is proved already that this site is yours.");
        return Ok(Either::Right(to));
    }
    let url = site.site_url()?;
    let mut ways = vec![Way::Meta, Way::File];
    ways.extend(url.domain().map(|_| Way::Dns));
    if let Ok(one) = fields.text("way").parse::<Way>() {
        ways = vec![one];
    }
    // The hub goes where this account says: not as often as it likes.
    hub.doors.verifications.take(&account).map_err(Error::Limited)?;
    let looks = ways.iter().map(|way| hub.prober.check(*way, url.as_url(), &site.proof_token));
    let found: Vec<(Way, Result<(), NoProof>)> = ways.iter().copied().zip(join_all(looks).await).collect();
    if let Some((way, _)) = found.iter().find(|(_, result)| result.is_ok()) {
        return proved(&hub, &owner, &site, kind(*way)).await.map(Either::Right);
    }
    let results = found.into_iter().map(|(way, result)| Tried {
        way: name(way).to_owned(),
        text: result.err().map_or_else(|| "Found.".to_owned(), |why| why.to_string()),
    });
    page(&hub, &owner, &site, results.collect(), StatusCode::OK).map(Either::Left)
}

async fn proved(hub: &Data<Hub>, owner: &Owner, site: &Site, kind: ProofKind) -> Result<Redirect, Error> {
    let (account, now, desk) = (owner.account.id, hub.clock.now(), hub.desk.clone());
    let by = owner.actor();
    let (id, checked) = (site.id, site.url_key.clone());
    let proved = hub.db.write(move |tx| {
        tx.alone()?;
        if owned(tx.conn(), account, id)?.url_key != checked {
            return Err(Error::Conflict("The site's address has changed meanwhile. Look at its page again.".into()));
        }
        Ok::<_, Error>(sites::prove(tx, &desk, now, by, id, kind, None)?)
    });
    let to = Redirect::to(format!("/my/sites/{id}"));
    Ok(match proved.await? {
        Proved::Active => to.flash("ok", "It is proved that this site is yours. Now get its access key."),
        Proved::Held => to.flash(
            "warn",
            "You have proved that this site is yours, but another registration of this address is active. \
             The hub's team decides; you will hear from them.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_proved_is_looked_at() {
        for state in SiteState::ALL {
            let looked_at = matches!(state, SiteState::Unverified | SiteState::Claimed);
            assert_eq!(first(*state).is_none() && *state != SiteState::Active, looked_at, "{state}");
        }
    }
}
