use std::process::ExitCode;

/// A push allocates some fifty small pieces: this allocator takes a third less of a push's user time than the system's
/// (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    belfry::cli::run()
}
