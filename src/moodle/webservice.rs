//! The web service that a site's server calls (`wire/hub-protocol.md` 5, `wire/moodle-client.md` 2.5 and 2.7).

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::answer::{Exception, Kind, answered};
use super::form::{Form, Malformed};
use crate::error::Error;
use crate::hub::{self, Hub};
use crate::keys;
use crate::registrations::{self, Call, Office, Report, Signature, SiteSecret, Told};
use crate::sites::{self, SiteState, SiteUrl};

/// The largest body: a big site's use of plugins has some tens of kB.
const BODY_BYTES: usize = 1_048_576;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);
/// What Moodles up to 3.7 asked of hubs that had courses.
const OF_COURSES: [&str; 5] =
    ["hub_get_courses", "hub_register_courses", "hub_unregister_courses", "hub_get_sitesregister", "hub_sync_into_sitesregister"];

/// `GET|POST /local/hub/webservice/webservices.php`
pub async fn call(hub: Data<Hub>, req: HttpRequest, payload: Payload) -> HttpResponse {
    let done = async {
        hub::pass(&hub.doors.hub_calls, hub.proxies.client(&req))?;
        let form = read(&req, payload).await?;
        called(&hub, &req, &form).await
    };
    answered(done.await)
}

async fn read(req: &HttpRequest, payload: Payload) -> Result<Form, Exception> {
    let body = match actix_web::rt::time::timeout(PATIENCE, body(payload)).await {
        Ok(body) => body?,
        Err(_) => return Err(Exception::new(Kind::Malformed, "The form did not arrive in time")),
    };
    let query = req.query_string().to_owned();
    if body.len() < 4_096 {
        return Ok(Form::parse(&query, &body)?);
    }
    // A large one takes longer than others should wait for.
    let parsed = actix_web::web::block(move || Form::parse(&query, &body)).await;
    Ok(parsed.map_err(|e| Error::Internal(e.into()))??)
}

async fn body(mut payload: Payload) -> Result<Bytes, Exception> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Exception::new(Kind::Malformed, "The form did not arrive whole"))?;
        if body.len() + chunk.len() > BODY_BYTES {
            return Err(Exception::new(Kind::Malformed, format!("form: larger than {BODY_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn called(hub: &Data<Hub>, req: &HttpRequest, form: &Form) -> Result<Value, Exception> {
    let function = form.text("wsfunction")?;
    let token = form.text("wstoken")?;
    let done = match function {
        "hub_get_info" => info(hub).await,
        "hub_update_site_info" => update(hub, req, token, form).await,
        "hub_site_is_registered" => is_registered(hub, token, form).await,
        "hub_unregister_site" => unregister(hub, token, form).await,
        "" => Err(Malformed { field: "wsfunction".into(), words: "is missing: it names what is to be done".into() }.into()),
        name if OF_COURSES.contains(&name) => Err(Exception::new(Kind::NoCourses, "This hub lists sites, not courses")),
        // Said before the token is looked at: a function that isn't there must not cost anybody a registration.
        _ => Err(Exception::new(Kind::UnknownFunction, "Access control exception (there is no such function at this hub)")),
    };
    let known = ["hub_get_info", "hub_update_site_info", "hub_site_is_registered", "hub_unregister_site"];
    let name = known.iter().find(|known| **known == function).copied().unwrap_or("other");
    match &done {
        Ok(_) => tracing::info!(function = name, "hub call"),
        Err(exception) => tracing::info!(function = name, errorcode = exception.code(), "hub call"),
    }
    done
}

/// What unregistered sites may ask too, with the word `publichub` for a token.
async fn info(hub: &Data<Hub>) -> Result<Value, Exception> {
    let sites = hub.db.read(sites::count_active).await?;
    let mut info = json!({
        "name": hub.name, "description": format!("Registration hub and push access point {}", hub.name), "language": "en",
        "url": hub.public_url.as_str(), "hublogo": 1, "sites": sites, "courses": 0, "enrollablecourses": 0, "downloadablecourses": 0,
    });
    if let Some(contact) = &hub.contact {
        info["contactname"] = json!(hub.name);
        info["contactemail"] = json!(contact);
    }
    Ok(info)
}

/// The caller, by the token. That it is unknown makes Moodle throw its registration away: only the database may say so.
async fn caller(hub: &Data<Hub>, token: &str) -> Result<Call, Exception> {
    let (ring, token) = (hub.ring.clone(), token.to_owned());
    Ok(hub.db.read(move |conn| registrations::authenticate(conn, &ring, &token)).await??)
}

fn url(field: &str, text: &str) -> Result<Option<SiteUrl>, Malformed> {
    if text.is_empty() {
        return Ok(None);
    }
    SiteUrl::parse(text).map(Some).map_err(|words| Malformed { field: field.to_owned(), words })
}

/// `hub_update_site_info`: everything that the Moodle tells of itself.
async fn update(hub: &Data<Hub>, req: &HttpRequest, token: &str, form: &Form) -> Result<Value, Exception> {
    let call = caller(hub, token).await?;
    let fields = form.told(Some("siteinfo"), Report::knows)?;
    if fields.is_empty() {
        return Err(Malformed { field: "siteinfo".into(), words: "is missing".into() }.into());
    }
    hub.doors.reports_of.take(&call.site.id).map_err(Error::Limited)?;
    let report = parsed(fields.into_iter().map(|(name, text)| (name.to_owned(), text.into_owned())).collect()).await?;
    let sent = report.identity.url.clone().unwrap_or_default();
    let url = url("siteinfo[url]", &sent)?;
    let signed = match call.registration.check(&hub.ring, hub.clock.now(), &sent, form.text("timestamp")?, form.text("signature")?) {
        Signature::Absent => false,
        Signature::Good => true,
        Signature::Wrong => {
            return Err(Exception::new(Kind::BadSignature, "The signature of this update is not that of the registered site"));
        }
        Signature::Late => {
            return Err(Exception::new(
                Kind::BadSignature,
                "The time of this update is more than 15 minutes from the hub's: set the clock of your server",
            ));
        }
    };
    let may_mail = may_mail(hub, &call, &report);
    let (shared, now, token) = (hub.clone(), hub.clock.now(), token.to_owned());
    let told = hub.db.write(move |tx| {
        let office = Office { may_mail, ..shared.office() };
        registrations::report(tx, office, now, &token, &report, url.as_ref(), signed)
    });
    said(hub, req, told.await.map_err(Error::from)?).await
}

/// The use of plugins of a big site takes longer to read than others should wait for.
async fn parsed(fields: Vec<(String, String)>) -> Result<Report, Exception> {
    let parse = move || Report::parse(fields.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let report = actix_web::web::block(parse).await.map_err(|e| Error::Internal(e.into()))?;
    Ok(report.map_err(Error::Invalid)?)
}

/// Whether the contact gets a letter now, if one is due: a Moodle can name any mailbox.
fn may_mail(hub: &Hub, call: &Call, report: &Report) -> bool {
    let named = report.identity.contact_email.as_ref().or(call.site.contact_email.as_ref());
    let due = call.site.account_id.is_none() && (call.site.contact_told_at.is_none() || call.site.contact_email.as_ref() != named);
    due && named.is_some_and(|mailbox| hub.doors.contact_to(&hub.ring, mailbox))
}

/// What came of a report, in words for the admin who pressed the button, and who may have to do something.
async fn said(hub: &Data<Hub>, req: &HttpRequest, told: Told) -> Result<Value, Exception> {
    match told {
        Told::Unknown(unknown) => Err(unknown.into()),
        Told::Taken(site) => {
            hub.take_call_as_proof(*site, hub.proxies.direct(req)).await?;
            Ok(json!(true))
        }
        Told::Held(site) => {
            let site = hub.take_call_as_proof(*site, hub.proxies.direct(req)).await?;
            if site.state == SiteState::Active {
                return Ok(json!(true));
            }
            let words = match (site.refused_at, site.held_beside) {
                (Some(_), _) => {
                    "Whoever registered this site before has turned this registration away. If that is wrong, write to the hub's team"
                }
                (None, Some(_)) => {
                    "This Moodle is registered at another address already. Its contact was mailed, and says whether it has moved or is a copy. Until then this registration is held"
                }
                (None, None) => {
                    "Another Moodle is registered at this address already. Its contact was mailed; they or the hub's team decide. Until then this registration is held"
                }
            };
            Err(Exception::new(Kind::Held, words))
        }
        Told::Suspended { site, reason } => {
            let page = hub.public_url.join(&format!("/my/sites/{site}/appeal"));
            let words =
                format!("The hub's team has suspended this site: {}. Answer the team at {page}", reason.trim_end_matches(['.', ' ']));
            Err(Exception::new(Kind::Suspended, words))
        }
        Told::Elsewhere { known, newcomer } => {
            let refused = newcomer.as_ref().is_some_and(|newcomer| newcomer.refused_at.is_some());
            // If it is said that the site has moved, this is where it was seen.
            if let Some(newcomer) = newcomer {
                hub.take_call_as_proof(*newcomer, hub.proxies.direct(req)).await?;
            }
            let known = &known.url;
            let words = if refused {
                format!(
                    "This registration is that of {known}, whose contact has turned this address away. If this is a copy, press Unregister here, then register anew: {known} stays registered"
                )
            } else {
                format!(
                    "This registration is that of {known}. Its contact was mailed: if the site has moved here, say so there. If this is a copy, press Unregister here, then register anew: {known} stays registered"
                )
            };
            Err(Exception::new(Kind::Elsewhere, words))
        }
    }
}

/// `hub_site_is_registered`: a bare boolean, and nothing else if it can be helped: on an exception Moodle's registration
/// page breaks, so that its admin can neither update nor unregister.
async fn is_registered(hub: &Data<Hub>, token: &str, form: &Form) -> Result<Value, Exception> {
    let call = caller(hub, token).await?;
    let (url, secret) = (SiteUrl::parse(form.text("siteurl")?), SiteSecret::parse(form.text("sitesecret")?));
    let (Ok(url), Ok(secret)) = (url, secret) else { return Ok(json!(false)) };
    let ring = hub.ring.clone();
    let known = hub.db.read(move |conn| registrations::is_registered(conn, &ring, &call, &url, &secret)).await?;
    Ok(json!(known))
}

/// `hub_unregister_site`: the Moodle leaves. A copy takes nobody but itself off.
async fn unregister(hub: &Data<Hub>, token: &str, form: &Form) -> Result<Value, Exception> {
    let urls = form.texts("url")?;
    let url = match urls.first() {
        Some((_, first)) => url("url[0]", first)?,
        None => None,
    };
    let (shared, now, token) = (hub.clone(), hub.clock.now(), token.to_owned());
    let left = hub.db.write(move |tx| {
        tx.alone()?;
        let call = match registrations::authenticate(tx.conn(), &shared.ring, &token)? {
            Ok(call) => call,
            Err(unknown) => return Ok::<_, Error>(Err(unknown)),
        };
        if let Some(site) = registrations::unregister(tx, &shared.desk, now, &call, url.as_ref())? {
            keys::revoke_all(tx, now, site)?;
        }
        Ok(Ok(()))
    });
    left.await??;
    Ok(json!(true))
}
