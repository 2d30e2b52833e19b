//! The one binary: any service, and the operators' commands.

use std::process::ExitCode;

use clap::Parser;
use waybill::cli::Cli;

fn main() -> ExitCode {
    waybill::run(Cli::parse())
}
