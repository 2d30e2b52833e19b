//! The one binary: command line, configuration, and what each command does.

pub mod cli;
mod commands;
pub mod config;
mod exit;
mod outcome;
mod output;
mod reload;
mod services;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cli::{AuditArgs, AuditCommand, Cli, Command, EnrichArgs, EnrichCommand};
use config::Config;
use tokio::runtime::Runtime;
use topology::Service;

pub use exit::Exit;

/// The file that is read when none is named; it may be absent.
const DEFAULT_FILE: &str = "waybill.toml";

/// Does what the command line says.
pub fn run(cli: Cli) -> ExitCode {
    if let Command::Check(arguments) = &cli.command
        && arguments.example
    {
        return output::text(config::EXAMPLE).into();
    }
    let config = match load(cli.config) {
        Ok(config) => quiet(config, &cli.command),
        Err(problems) => return output::refused(&problems.to_string(), Exit::Usage).into(),
    };
    let _telemetry = match telemetry::init(&config.log, "waybill") {
        Ok(guard) => guard,
        Err(error) => return output::refused(&format!("log: {error}"), Exit::Usage).into(),
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return output::refused(&format!("no runtime: {error}"), Exit::Failed).into(),
    };
    let exit = runtime.block_on(dispatch(cli.command, config));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match exit {
        Ok(exit) => exit.into(),
        Err(error) if error.is::<config::ConfigProblems>() => {
            output::refused(&error.to_string(), Exit::Usage).into()
        }
        Err(error) => output::refused(&format!("{error:#}"), Exit::Failed).into(),
    }
}

/// An operator who asks what is down needs no log of a client that does not reach it.
fn quiet(mut config: Config, command: &Command) -> Config {
    let asks = matches!(
        command,
        Command::Status(_)
            | Command::Stage(_)
            | Command::Identity(_)
            | Command::Erase(_)
            | Command::Tail(_)
            | Command::Plan(_)
            | Command::Enrich(EnrichArgs { command: Some(_) })
    );
    if asks && config.log.filter == telemetry::LogConfig::default().filter {
        "warn,librdkafka=off".clone_into(&mut config.log.filter);
    }
    config
}

fn load(named: Option<PathBuf>) -> Result<Config, config::ConfigProblems> {
    let must_exist = named.is_some();
    let file = named.unwrap_or_else(|| Path::new(DEFAULT_FILE).to_owned());
    config::load(&file, must_exist, std::env::vars())
}

async fn dispatch(command: Command, config: Config) -> anyhow::Result<Exit> {
    match command {
        Command::Ingest => services::serve(&[Service::Ingest], config).await,
        Command::Validate => services::serve(&[Service::Validate], config).await,
        Command::Enrich(EnrichArgs { command: None }) => {
            services::serve(&[Service::Enrich], config).await
        }
        Command::Enrich(EnrichArgs { command: Some(EnrichCommand::Explain(arguments)) }) => {
            commands::enrich::explain(&arguments, &config)
        }
        Command::IdentityStitch => services::serve(&[Service::IdentityStitch], config).await,
        Command::Forward => services::serve(&[Service::Forward], config).await,
        Command::Audit(arguments) if arguments.serve => {
            services::serve(&[Service::Audit], config).await
        }
        Command::Audit(AuditArgs { command: Some(AuditCommand::GiveUp(arguments)), .. }) => {
            commands::give_up::run(arguments, &config).await
        }
        Command::Audit(arguments) => commands::audit::run(arguments, config).await,
        Command::Run => services::serve(&Service::RUNNABLE, config).await,
        Command::Up(arguments) => commands::up::run(arguments, config).await,
        Command::Migrate(arguments) => commands::migrate::run(&arguments, &config).await,
        Command::Check(arguments) => commands::check::run(&arguments, &config).await,
        Command::Trace(arguments) => commands::trace::run(arguments, config).await,
        Command::Tail(arguments) => commands::tail::run(arguments, config).await,
        Command::Status(arguments) => commands::status::run(&arguments, &config).await,
        Command::Stage(command) => commands::stage::run(command, config).await,
        Command::Identity(command) => commands::identity::run(command, config).await,
        Command::Erase(arguments) => commands::erase::run(arguments, &config).await,
        Command::Plan(command) => commands::plan::run(&command, config).await,
        Command::Load(arguments) => commands::load::run(&arguments).await,
    }
}
