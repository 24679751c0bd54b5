use std::net::UdpSocket;

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
            .route("/path/.well-known/belfry-verification.txt", web::get().to(|| async { HttpResponse::Ok().body("for-path") }))
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
    let prober = Prober { patience: Duration::from_secs(2), ..Prober::new(true) };
    let at = |path: &str| url.join(path).unwrap();
    let rows = [
        (Way::Meta, "/", "right", Ok(())),
        (Way::Meta, "/", "wrong", Err(NoProof::WrongTag)),
        (Way::File, "/", "right", Ok(())),
        (Way::File, "/", "wrong", Err(NoProof::WrongFile)),
        (Way::Meta, "/none", "right", Err(NoProof::NoTag)),
        // Below the site's path there is none, but at the root of its host.
        (Way::File, "/none", "right", Ok(())),
        (Way::File, "/none", "wrong", Err(NoProof::Status(404))),
        (Way::File, "/path", "for-path", Ok(())),
        (Way::Meta, "/loop", "right", Err(NoProof::TooManyRedirects)),
        (Way::Meta, "/away", "right", Err(NoProof::BadRedirect)),
        (Way::Meta, "/big", "right", Err(NoProof::NoTag)),
        (Way::File, "/big", "wrong", Err(NoProof::TooLarge)),
        (Way::Meta, "/slow", "right", Err(NoProof::TimedOut)),
        (Way::Dns, "/", "right", Err(NoProof::NoRecord)),
    ];
    for (way, path, token, wanted) in rows {
        assert_eq!(prober.check(way, &at(path), token).await, wanted, "{way:?} {path} {token}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn so_many_looks_run_at_once_and_no_more() {
    let (url, handle) = site().await;
    let prober = Prober::new(true);
    let hasty = Prober { patience: Duration::from_millis(100), ..prober.clone() };
    let all_but_one = prober.looks.acquire_many(LOOKS as u32 - 1).await.unwrap();
    for _ in 0..2 {
        assert_eq!(prober.check(Way::Meta, &url, "right").await, Ok(()), "a look gives its place back");
    }
    let last = prober.looks.acquire().await.unwrap();
    assert_eq!(hasty.check(Way::Meta, &url, "right").await, Err(NoProof::Busy));
    drop((all_but_one, last));
    assert_eq!(hasty.check(Way::Meta, &url.join("/slow").unwrap(), "right").await, Err(NoProof::TimedOut));
    assert_eq!(prober.looks.available_permits(), LOOKS);
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_public_hub_does_not_visit_private_addresses() {
    let (url, handle) = site().await;
    let port = url.port().unwrap();
    let prober = Prober::new(false);
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "0177.0.0.1",
        "127.1",
        "[::]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
    ] {
        let site: Url = format!("http://{host}:{port}/").parse().unwrap();
        for way in [Way::Meta, Way::File] {
            assert_eq!(prober.check(way, &site, "right").await, Err(NoProof::ForbiddenAddress), "{host}");
        }
    }
    let metadata: Url = "http://169.254.169.254/".parse().unwrap();
    assert_eq!(Prober::new(true).check(Way::Meta, &metadata, "right").await, Err(NoProof::ForbiddenAddress));
    handle.stop(false).await;
}

/// A name that its owner lets lead elsewhere between two look-ups: one look-up decides where one request goes, and each
/// redirect is decided anew.
#[actix_web::test]
async fn a_name_that_changes_its_mind_leads_nowhere_inside() {
    let (url, handle) = site().await;
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    let metadata: IpAddr = "169.254.169.254".parse().unwrap();
    let named = |path: &str| format!("http://rebind.example:{}{path}", url.port().unwrap()).parse::<Url>().unwrap();
    let prober = |answers: &[&[IpAddr]]| {
        // The last one is given first.
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        Prober { leads_to: Some(Arc::new(Mutex::new(answers))), ..Prober::new(true) }
    };
    let steady = prober(&[&[here], &[metadata]]);
    assert_eq!(steady.check(Way::Meta, &named("/"), "right").await, Ok(()));
    assert_eq!(
        steady.leads_to.as_ref().unwrap().lock().unwrap().len(),
        1,
        "it was looked up once, and where it led then is where the request went"
    );
    let turns = prober(&[&[here], &[metadata]]);
    assert_eq!(turns.check(Way::Meta, &named("/loop"), "right").await, Err(NoProof::ForbiddenAddress), "at the redirect");
    let both = prober(&[&[here, metadata]]);
    assert_eq!(both.check(Way::Meta, &named("/"), "right").await, Err(NoProof::ForbiddenAddress), "whichever comes first");
    let public = Prober { allow_private_networks: false, ..prober(&[&["8.8.8.8".parse().unwrap(), here]]) };
    assert_eq!(public.check(Way::Meta, &named("/"), "right").await, Err(NoProof::ForbiddenAddress));
    handle.stop(false).await;
}

/// A name server that answers every question with the TXT records of its host: a name of two labels is known.
fn nameserver() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((_, from)) = socket.recv_from(&mut query) {
            let (mut at, mut labels) = (12, Vec::new());
            while query[at] != 0 {
                let end = at + 1 + usize::from(query[at]);
                labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
                at = end;
            }
            // Each record is a list of parts, which belong together (RFC 1035 3.3.14).
            let records: &[&[&str]] = match labels.join(".").as_str() {
                "good.example" => &[&["v=spf1 -all"], &["belfry-verifi", "cation=right"]],
                "other.example" => &[&["belfry-verification=another"]],
                _ => &[],
            };
            let mut answer = query[..at + 5].to_vec();
            // An answer, recursion available; no such name where there are no records (RFC 1035 4.1.1).
            answer[2..4].copy_from_slice(&[0x81, if records.is_empty() { 0x83 } else { 0x80 }]);
            answer[4..12].copy_from_slice(&[0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
            for parts in records {
                let data: Vec<u8> = parts.iter().flat_map(|part| std::iter::once(part.len() as u8).chain(part.bytes())).collect();
                answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
                answer.extend(data);
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

#[actix_web::test]
async fn a_dns_record_proves_what_its_host_owns() {
    let prober = Prober { nameserver: Some(nameserver()), ..Prober::new(false) };
    let rows = [
        ("https://good.example/moodle", "right", Ok(())),
        ("https://good.example:8443", "right", Ok(())),
        ("https://good.example", "wrong", Err(NoProof::WrongRecord)),
        ("https://other.example", "right", Err(NoProof::WrongRecord)),
        ("https://sub.good.example", "right", Err(NoProof::NoRecord)),
        ("https://192.0.2.1", "right", Err(NoProof::NoRecord)),
    ];
    for (site, token, wanted) in rows {
        assert_eq!(prober.check(Way::Dns, &site.parse().unwrap(), token).await, wanted, "{site}");
    }
}
