//! Every route on one page: method, path, handler, who may call. The row is what enforces it.

use actix_web::HttpRequest;
use actix_web::guard::fn_guard;
use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

use crate::accounts::Role;
use crate::visit::{Who, allow, pages};
use crate::{api, keyed, moodle, my, public, staff};

/// A row: who may do what where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub method: Method,
    pub path: &'static str,
    pub who: Who,
}

macro_rules! rows {
    ($all:ident, $configure:ident { $($method:ident $path:literal $handler:path, $who:expr;)* }) => {
        /// The rows of this table.
        pub fn $all() -> Vec<Row> {
            vec![$(Row { method: Method::$method, path: $path, who: $who }),*]
        }

        fn $configure(config: &mut ServiceConfig) {
            let mut resources: Vec<(&'static str, Vec<Method>, actix_web::Resource)> = Vec::new();
            $({
                let route = web::route().guard(fn_guard(|ctx| answers(&Method::$method, &ctx.head().method)));
                let route = route.to($handler);
                // Who holds a key or a token is asked for it further in, in the order that clients expect: a guard would only cost time.
                let route = if matches!($who, Who::Key | Who::Moodle) { route } else { route.wrap(from_fn(|req, next| allow($who, req, next))) };
                let (mut methods, resource) = match resources.iter().position(|(path, ..)| *path == $path) {
                    Some(index) => { let (_, methods, resource) = resources.remove(index); (methods, resource) },
                    None => (Vec::new(), web::resource($path)),
                };
                methods.push(Method::$method);
                resources.push(($path, methods, resource.route(route)));
            })*
            for (_, methods, resource) in resources {
                config.service(resource.default_service(web::route().to(move |req| method_not_allowed(req, methods.clone()))));
            }
        }
    };
}

const REVIEWER: Who = Who::Staff(Role::Reviewer);
const REVIEWER_SURE: Who = Who::StaffSure(Role::Reviewer);
const ANALYST: Who = Who::Staff(Role::Analyst);
const ADMIN: Who = Who::Staff(Role::Admin);
const ADMIN_SURE: Who = Who::StaffSure(Role::Admin);

rows! { page_rows, configure_pages {
    GET  "/"                                  public::front::show,             Who::Anyone;
    GET  "/help"                              public::texts::help,             Who::Anyone;
    GET  "/docs/api"                          api::docs::show,                 Who::Anyone;
    GET  "/privacy"                           public::texts::privacy,          Who::Anyone;
    GET  "/register"                          public::register::show,          Who::Anyone;
    POST "/register"                          public::register::submit,        Who::Anyone;
    GET  "/register/confirm"                  public::register::confirm,       Who::Anyone;
    POST "/register/resend"                   public::register::resend,        Who::Anyone;
    GET  "/leaked-key"                        public::leaked_key::show,        Who::Anyone;
    POST "/leaked-key"                        public::leaked_key::submit,      Who::Anyone;
    GET  "/mail/unsubscribe"                  public::unsubscribe::show,       Who::Anyone;
    POST "/mail/unsubscribe"                  public::unsubscribe::change,     Who::Foreign;
    GET  "/report-abuse"                      public::report_abuse::show,      Who::Anyone;
    POST "/report-abuse"                      public::report_abuse::submit,    Who::Anyone;
    GET  "/login"                             public::login::show,             Who::Anyone;
    POST "/login"                             public::login::submit,           Who::Anyone;
    GET  "/login/second"                      public::second_factor::show,     Who::Anyone;
    POST "/login/second"                      public::second_factor::submit,   Who::Anyone;
    POST "/login/passkey/begin"               public::second_factor::begin,    Who::Anyone;
    POST "/login/passkey"                     public::second_factor::passkey,  Who::Anyone;
    POST "/logout"                            public::login::logout,           Who::Anyone;
    GET  "/password/forgot"                   public::password::forgot,        Who::Anyone;
    POST "/password/forgot"                   public::password::send_link,     Who::Anyone;
    GET  "/password/reset"                    public::password::reset,         Who::Anyone;
    POST "/password/reset"                    public::password::set,           Who::Anyone;

    // A Moodle whose hub address ends with a slash asks for it twice.
    GET  "/{slash:/?}local/hub/siteregistration.php" moodle::register::show,   Who::Foreign;
    POST "/{slash:/?}local/hub/siteregistration.php" moodle::register::submit, Who::Foreign;

    GET  "/account"                           my::account::show,               Who::Account;
    POST "/account/profile"                   my::account::profile,            Who::Account;
    POST "/account/password"                  my::account::password,           Who::AccountSure;
    POST "/account/sessions/end-others"       my::account::end_others,         Who::Account;
    POST "/account/sessions/{session}/end"    my::account::end_session,        Who::Account;
    GET  "/account/security"                  my::security::show,              Who::Account;
    GET  "/account/totp"                      my::security::totp,              Who::Account;
    POST "/account/totp"                      my::security::set_totp,          Who::AccountSure;
    POST "/account/totp/off"                  my::security::totp_off,          Who::AccountSure;
    POST "/account/recovery"                  my::security::recovery,          Who::AccountSure;
    POST "/account/passkeys/begin"            my::passkeys::begin,             Who::Account;
    POST "/account/passkeys"                  my::passkeys::add,               Who::AccountSure;
    POST "/account/passkeys/{passkey}/remove" my::passkeys::remove,            Who::AccountSure;
    GET  "/account/export"                    my::privacy::export,             Who::Account;
    POST "/account/export"                    my::privacy::download,           Who::AccountSure;
    GET  "/account/delete"                    my::privacy::leave,              Who::Account;
    POST "/account/delete"                    my::privacy::erase,              Who::AccountSure;
    GET  "/my/sites"                          my::sites::index,                Who::Account;
    GET  "/my/sites/{site}"                   my::sites::show,                 Who::Account;
    GET  "/my/sites/{site}/keys"              my::keys::index,                 Who::Account;
    POST "/my/sites/{site}/keys"              my::keys::issue,                 Who::Account;
    POST "/my/sites/{site}/keys/{key}/rotate" my::keys::rotate,                Who::AccountSure;
    POST "/my/sites/{site}/keys/{key}/revoke" my::keys::revoke,                Who::AccountSure;
    GET  "/my/sites/{site}/devices"           my::devices::index,              Who::Account;
    GET  "/my/sites/{site}/devices.csv"       my::devices_file::download,             Who::Account;
    GET  "/my/sites/{site}/devices/{device}"  my::devices::show,               Who::Account;
    POST "/my/sites/{site}/devices/{device}"  my::devices::change,             Who::Account;
    POST "/my/sites/{site}/devices/{device}/delete" my::devices::delete,       Who::Account;
    POST "/my/sites/{site}/devices/{device}/keys" my::devices::issue_key,      Who::Account;
    GET  "/my/sites/{site}/broadcasts"        my::broadcasts::index,           Who::Account;
    POST "/my/sites/{site}/broadcasts"        my::broadcasts::start,           Who::Account;
    POST "/my/sites/{site}/broadcasts/{broadcast}/cancel" my::broadcasts::cancel, Who::Account;
    GET  "/my/sites/{site}/deliveries"        my::sites::deliveries,           Who::Account;
    GET  "/my/sites/{site}/verify"            my::verify::show,                Who::Account;
    POST "/my/sites/{site}/verify"            my::verify::check,               Who::Account;
    GET  "/my/sites/{site}/settings"          my::settings::show,              Who::Account;
    POST "/my/sites/{site}/settings"          my::settings::save,              Who::Account;
    POST "/my/sites/{site}/pair"              my::moodle::pair,                Who::Account;
    POST "/my/sites/{site}/newcomers/{newcomer}" my::moodle::decide,           Who::AccountSure;
    GET  "/my/sites/{site}/appeal"            my::appeal::show,                Who::Account;
    POST "/my/sites/{site}/appeal"            my::appeal::send,                Who::Account;
    POST "/my/sites/{site}/unregister"        my::settings::unregister,        Who::AccountSure;

    GET  "/staff"                             staff::home::show,               ANALYST;
    GET  "/staff/search"                      staff::search::show,             ANALYST;
    POST "/staff/search"                      staff::search::submit,           ANALYST;
    GET  "/staff/sites"                       staff::site_list::index,         ANALYST;
    GET  "/staff/sites.csv"                   staff::site_file::download,      REVIEWER;
    POST "/staff/sites/views"                 staff::views_saved::save,        ANALYST;
    POST "/staff/sites/views/{view}/delete"   staff::views_saved::delete,      ANALYST;
    POST "/staff/sites/bulk"                  staff::bulk::preview,            REVIEWER;
    POST "/staff/sites/bulk/run"              staff::bulk::run,                Who::StaffSure(Role::Reviewer);
    GET  "/staff/sites/{site}"                staff::sites::show,              ANALYST;
    POST "/staff/sites/{site}/verify"         staff::sites::verify,            REVIEWER;
    POST "/staff/sites/{site}/suspend"        staff::sites::suspend,           REVIEWER_SURE;
    POST "/staff/sites/{site}/lift"           staff::sites::lift,              REVIEWER;
    POST "/staff/sites/{site}/move"           staff::sites::move_to,           REVIEWER_SURE;
    POST "/staff/sites/{site}/separate"       staff::sites::separate,          REVIEWER;
    POST "/staff/sites/{site}/refuse"         staff::sites::refuse,            REVIEWER_SURE;
    POST "/staff/sites/{site}/keys/{key}/rotate" staff::keys::rotate,          REVIEWER_SURE;
    POST "/staff/sites/{site}/keys/{key}/revoke" staff::keys::revoke,          REVIEWER_SURE;
    POST "/staff/sites/{site}/binding"        staff::keys::binding,            REVIEWER;
    GET  "/staff/sites/{site}/limits"         staff::limits::show,             ANALYST;
    POST "/staff/sites/{site}/limits"         staff::limits::save,             REVIEWER;
    POST "/staff/sites/{site}/limits/release" staff::limits::release,          REVIEWER;
    GET  "/staff/settings"                    staff::settings::show,           ANALYST;
    POST "/staff/settings"                    staff::settings::change,         ADMIN_SURE;
    GET  "/staff/abuse"                       staff::abuse::index,             ANALYST;
    POST "/staff/abuse"                       staff::case_new::open,           REVIEWER;
    GET  "/staff/abuse/new"                   staff::case_new::show,           REVIEWER;
    POST "/staff/abuse/reports/{report}/done" staff::abuse::done,              REVIEWER;
    GET  "/staff/abuse/{case}"                staff::case::show,               ANALYST;
    POST "/staff/abuse/{case}/warn"           staff::case_acts::warn,          REVIEWER;
    POST "/staff/abuse/{case}/limit"          staff::case_acts::limit,         REVIEWER;
    POST "/staff/abuse/{case}/push-off"       staff::case_acts::push_off,      REVIEWER_SURE;
    POST "/staff/abuse/{case}/suspend"        staff::case_acts::suspend,       Who::StaffSure(Role::Reviewer);
    POST "/staff/abuse/{case}/lift"           staff::case_acts::lift,          REVIEWER;
    POST "/staff/abuse/{case}/close"          staff::case_acts::close,         REVIEWER;
    POST "/staff/abuse/{case}/note"           staff::case_acts::note,          REVIEWER;
    POST "/staff/abuse/{case}/assign"         staff::case_acts::assign,        REVIEWER;
    POST "/staff/abuse/{case}/answer"         staff::case_acts::answer,        REVIEWER;
    GET  "/staff/sites/{site}/erase-contact"  staff::privacy::contact,         ADMIN;
    POST "/staff/sites/{site}/erase-contact"  staff::privacy::erase_contact,   Who::StaffSure(Role::Admin);
    GET  "/staff/jobs"                        staff::jobs::show,               ANALYST;
    GET  "/staff/outbox"                      staff::outbox::index,            ANALYST;
    GET  "/staff/outbox/{letter}"             staff::outbox::show,             REVIEWER;
    POST "/staff/outbox/{letter}/again"       staff::outbox::again,            REVIEWER;
    POST "/staff/outbox/refusing/clear"       staff::outbox::clear,            REVIEWER;
    GET  "/staff/gateways"                    staff::gateways::show,           ANALYST;
    GET  "/staff/accounts"                    staff::accounts::index,          ANALYST;
    POST "/staff/accounts"                    staff::accounts::invite,         ADMIN_SURE;
    GET  "/staff/accounts/{account}"          staff::accounts::show,           ANALYST;
    POST "/staff/accounts/{account}/role"     staff::accounts::role,           ADMIN_SURE;
    POST "/staff/accounts/{account}/disable"  staff::accounts::disable,        ADMIN_SURE;
    POST "/staff/accounts/{account}/enable"   staff::accounts::enable,         ADMIN_SURE;
    POST "/staff/accounts/{account}/sessions/end" staff::accounts::end_sessions, ADMIN_SURE;
    POST "/staff/accounts/{account}/invite"   staff::accounts::invite_again,   ADMIN_SURE;
    GET  "/staff/audit"                       staff::audit::index,             ANALYST;
    POST "/staff/audit/verify"                staff::audit::verify,            ADMIN;
    GET  "/staff/audit.csv"                   staff::audit_file::csv,          ADMIN;
    GET  "/staff/audit.jsonl"                 staff::audit_file::jsonl,        ADMIN;
} }

// What a site's server calls: known by the token in the form.
rows! { hub_rows, configure_hub {
    GET  "/webservices.php" moodle::webservice::call, Who::Moodle;
    POST "/webservices.php" moodle::webservice::call, Who::Moodle;
    GET  "/download.php"    moodle::check::download,  Who::Anyone;
} }

rows! { check_rows, configure_checks {
    GET  "/{slash:/?}local/sitecheck/check.php" moodle::check::sitecheck, Who::Anyone;
    GET  "/:{port:[0-9]+}/{rest:.*}"            keyed::slash_in_url,      Who::Anyone;
    POST "/:{port:[0-9]+}/{rest:.*}"            keyed::slash_in_url,      Who::Anyone;
} }

rows! { accesskey_rows, configure_accesskeys {
    POST ""  keyed::accesskeys::create_v1, Who::Key;
    POST "/" keyed::accesskeys::create_v1, Who::Key;
} }

rows! { token_rows, configure_tokens {
    POST   "/{token:.+}" keyed::tokens::create_v1, Who::Key;
    DELETE "/{token:.+}" keyed::tokens::delete,    Who::Key;
} }

// Beside the scope of its neighbours, first and without a face of its own: each layer costs every push.
rows! { push_rows, configure_push {
    POST "/api/v2/push"  keyed::push::push, Who::Key;
    POST "/api/v2/push/" keyed::push::push, Who::Key;
} }

rows! { v2_rows, configure_v2 {
    POST   "/accesskeys"        keyed::accesskeys::create_v2, Who::Key;
    POST   "/accesskeys/"       keyed::accesskeys::create_v2, Who::Key;
    POST   "/tokens"            keyed::tokens::create_v2, Who::Key;
    POST   "/tokens/"           keyed::tokens::create_v2, Who::Key;
    DELETE "/tokens/{token:.+}" keyed::tokens::delete,    Who::Key;
    POST   "/broadcast"         keyed::broadcast::start,  Who::Key;
    POST   "/broadcast/"        keyed::broadcast::start,  Who::Key;
} }

// The native API. What is fixed comes before what is an id.
rows! { api_rows, configure_api {
    GET    "/site"                          api::site::show,            Who::Key;
    GET    "/keys"                          api::keys::index,           Who::Key;
    POST   "/keys"                          api::keys::issue,           Who::Key;
    POST   "/keys/{key}/rotate"             api::keys::rotate,          Who::Key;
    GET    "/keys/{key}"                    api::keys::show,            Who::Key;
    DELETE "/keys/{key}"                    api::keys::revoke,          Who::Key;
    GET    "/devices/unregistered"          api::devices::unregistered, Who::Key;
    GET    "/devices"                       api::devices::index,        Who::Key;
    GET    "/devices/{device}"              api::devices::show,         Who::Key;
    PATCH  "/devices/{device}"              api::devices::change,       Who::Key;
    DELETE "/devices/{device}"              api::devices::forget,       Who::Key;
    POST   "/push/batch"                    api::push::batch,           Who::Key;
    GET    "/usage"                         api::usage::usage,          Who::Key;
    GET    "/deliveries"                    api::usage::deliveries,     Who::Key;
    GET    "/broadcasts"                    api::broadcasts::index,     Who::Key;
    POST   "/broadcasts"                    api::broadcasts::start,     Who::Key;
    GET    "/broadcasts/{broadcast}"        api::broadcasts::show,      Who::Key;
    POST   "/broadcasts/{broadcast}/cancel" api::broadcasts::cancel,    Who::Key;
    POST   "/leaked-keys"                   api::leaks::report,         Who::Anyone;
} }

rows! { operator_rows, configure_operators {
    GET "/openapi.json"  api::openapi::serve,     Who::Anyone;
    GET "/healthz"       public::health::alive,   Who::Anyone;
    GET "/readyz"        public::health::ready,   Who::Anyone;
    GET "/static/{name}" crate::web::serve_asset, Who::Anyone;
    GET "/robots.txt"    public::texts::robots,   Who::Anyone;
} }

/// Whether a row answers a method: what can be got can be asked about (RFC 9110 9.1).
fn answers(row: &Method, asked: &Method) -> bool {
    row == asked || (row == Method::GET && asked == Method::HEAD)
}

async fn method_not_allowed(req: HttpRequest, methods: Vec<Method>) -> actix_web::HttpResponse {
    let asked = [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE];
    let allowed: Vec<&str> = asked.iter().filter(|asked| methods.iter().any(|row| answers(row, asked))).map(Method::as_str).collect();
    let is_keyed = req.path().starts_with("/api/v2/push");
    let mut response = if is_keyed { keyed::wrong_method(&req) } else { actix_web::HttpResponse::MethodNotAllowed().finish() };
    if let Ok(allowed) = header::HeaderValue::from_str(&allowed.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

async fn not_found() -> Result<actix_web::HttpResponse, crate::error::Error> {
    Err(crate::error::Error::NotFound)
}

/// Puts every route in its place: the keyed API wears its own face and touches no session; pages come last.
pub fn configure(config: &mut ServiceConfig) {
    config
        .configure(configure_push)
        .service(web::scope("/accesskeys").wrap(from_fn(keyed::face)).configure(configure_accesskeys))
        .service(web::scope("/tokens").wrap(from_fn(keyed::face)).configure(configure_tokens).default_service(web::route().to(not_found)))
        .service(web::scope("/api/v2").wrap(from_fn(keyed::face)).configure(configure_v2).default_service(web::route().to(not_found)))
        .service(web::scope("/api/v1").wrap(from_fn(api::face)).configure(configure_api).default_service(web::route().to(not_found)))
        .configure(configure_operators)
        .service(
            web::scope("/{slash:/?}local/hub/webservice")
                .wrap(from_fn(moodle::face))
                .configure(configure_hub)
                .default_service(web::route().to(not_found)),
        )
        .configure(configure_checks)
        .service(web::scope("").wrap(from_fn(pages)).configure(configure_pages).default_service(web::route().to(not_found)));
}
