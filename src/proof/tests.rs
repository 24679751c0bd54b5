use actix_web::{App, HttpResponse, HttpServer, web};

use super::*;

/// A site on a port of this machine, which answers by path.
async fn site() -> (Url, actix_web::dev::ServerHandle) {
    let server = HttpServer::new(|| {
        App::new()
            .route(
                "/",
                web::get().to(|| async {
                    HttpResponse::Ok().content_type("text/html").body(r#"<meta name="belfry-verification" content="right">"#)
                }),
            )
            .route("/.well-known/belfry-verification.txt", web::get().to(|| async { HttpResponse::Ok().body("other\nright\n") }))
            .route("/none/", web::get().to(|| async { HttpResponse::Ok().body("<p>Hello</p>") }))
            .route("/loop/", web::get().to(|| async { HttpResponse::Found().insert_header(("Location", "/loop/")).finish() }))
            .route(
                "/away/",
                web::get().to(|| async { HttpResponse::Found().insert_header(("Location", "http://localhost.example/")).finish() }),
            )
            .route("/big/", web::get().to(|| async { HttpResponse::Ok().body("x".repeat(2_000_000)) }))
            .route("/big/.well-known/belfry-verification.txt", web::get().to(|| async { HttpResponse::Ok().body("x".repeat(2_000_000)) }))
            .route(
                "/slow/",
                web::get().to(|| async {
                    std::future::pending::<()>().await;
                    HttpResponse::Ok().finish()
                }),
            )
    })
    .workers(1)
    .shutdown_timeout(0)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://127.0.0.1:{}", server.addrs()[0].port()).parse().unwrap();
    let running = server.run();
    let handle = running.handle();
    actix_web::rt::spawn(running);
    (url, handle)
}

#[actix_web::test]
async fn proofs_are_found_and_faults_are_told() {
    let (url, handle) = site().await;
    let prober = Prober { allow_private_networks: true, patience: Duration::from_secs(2) };
    let at = |path: &str| url.join(path).unwrap();
    let rows = [
        (Way::Meta, "/", "right", Ok(())),
        (Way::Meta, "/", "wrong", Err(NoProof::WrongTag)),
        (Way::File, "/", "right", Ok(())),
        (Way::File, "/", "wrong", Err(NoProof::WrongFile)),
        (Way::Meta, "/none", "right", Err(NoProof::NoTag)),
        (Way::File, "/none", "right", Err(NoProof::Status(404))),
        (Way::Meta, "/loop", "right", Err(NoProof::TooManyRedirects)),
        (Way::Meta, "/away", "right", Err(NoProof::BadRedirect)),
        (Way::Meta, "/big", "right", Err(NoProof::NoTag)),
        (Way::File, "/big", "right", Err(NoProof::TooLarge)),
        (Way::Meta, "/slow", "right", Err(NoProof::TimedOut)),
        (Way::Dns, "/", "right", Err(NoProof::NoRecord)),
    ];
    for (way, path, token, wanted) in rows {
        assert_eq!(prober.check(way, &at(path), token).await, wanted, "{way:?} {path} {token}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_public_hub_does_not_visit_private_addresses() {
    let (url, handle) = site().await;
    let port = url.port().unwrap();
    let prober = Prober::new(false);
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0", "10.0.0.1", "169.254.169.254"]
    {
        let site: Url = format!("http://{host}:{port}/").parse().unwrap();
        for way in [Way::Meta, Way::File] {
            assert_eq!(prober.check(way, &site, "right").await, Err(NoProof::ForbiddenAddress), "{host}");
        }
    }
    let metadata: Url = "http://169.254.169.254/".parse().unwrap();
    assert_eq!(Prober::new(true).check(Way::Meta, &metadata, "right").await, Err(NoProof::ForbiddenAddress));
    handle.stop(false).await;
}
