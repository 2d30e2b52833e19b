//! The crash matrix: every point at every stage that has it.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use anyhow::{Context as _, ensure};
use topology::{Service, Stage};
use waybill_tests::ServiceProcess;

use crate::fault::{Fault, Scene};

/// A stage under traffic reaches any of its points in this time.
const DIES_WITHIN: Duration = Duration::from_secs(40);
const SIGABRT: i32 = 6;

/// A thread that reaches points, and the service that it is of.
type Place = (&'static str, Service);

const VALIDATE: Place = (Stage::Validate.name(), Service::Validate);
const ENRICH: Place = (Stage::Enrich.name(), Service::Enrich);
const STITCH: Place = (Stage::IdentityStitch.name(), Service::IdentityStitch);
const LOADER: Place = (Stage::ForwardClickhouse.name(), Service::Forward);
/// A loader of a side table, which is no stage but the same loop.
const SIDE: Place = ("forward-discarded-events", Service::Forward);
/// No thread bears its name: any of its process is meant.
const INGEST: Place = ("ingest", Service::Ingest);

/// One point of the matrix.
struct Row {
    point: &'static str,
    places: &'static [Place],
    /// At which times that it is reached: a process for each.
    hits: &'static [u64],
    /// Why at no other stage.
    #[cfg_attr(not(test), expect(dead_code, reason = "for people, and for the test below"))]
    why_not_elsewhere: &'static str,
}

const STAGES: &[Place] = &[VALIDATE, ENRICH, STITCH, LOADER];
const LOADERS: &[Place] = &[LOADER, SIDE];
const ONLY_LOADERS: &str = "only a loader has intents and INSERTs";

const MATRIX: [Row; 13] = [
    Row { point: "after-poll", places: STAGES, hits: &[1, 4], why_not_elsewhere: "" },
    Row {
        point: "mid-send",
        places: &[VALIDATE, ENRICH, STITCH],
        hits: &[3, 40],
        why_not_elsewhere: "a loader sends what it rejects, and it rejects nothing that validate \
                            has let through",
    },
    Row {
        point: "dead-letter-sent",
        places: &[VALIDATE],
        hits: &[1, 3],
        why_not_elsewhere: "what validate has let through is not rejected; the loop is the same",
    },
    Row { point: "after-send", places: STAGES, hits: &[1, 4], why_not_elsewhere: "" },
    Row { point: "after-offsets", places: STAGES, hits: &[1, 4], why_not_elsewhere: "" },
    Row { point: "after-commit", places: STAGES, hits: &[1, 4], why_not_elsewhere: "" },
    Row {
        point: "before-store",
        places: &[STITCH],
        hits: &[1, 5],
        why_not_elsewhere: "only identity-stitch has a store",
    },
    Row {
        point: "after-store",
        places: &[STITCH],
        hits: &[1, 5],
        why_not_elsewhere: "only identity-stitch has a store",
    },
    Row { point: "after-intent", places: LOADERS, hits: &[1, 4], why_not_elsewhere: ONLY_LOADERS },
    Row {
        point: "insert-half-sent",
        places: LOADERS,
        hits: &[1, 5],
        why_not_elsewhere: ONLY_LOADERS,
    },
    Row {
        point: "insert-acknowledged",
        places: LOADERS,
        hits: &[1, 5],
        why_not_elsewhere: ONLY_LOADERS,
    },
    Row { point: "in-revoke", places: STAGES, hits: &[1], why_not_elsewhere: "" },
    Row {
        point: "before-answer",
        places: &[INGEST],
        hits: &[1, 10],
        why_not_elsewhere: "only ingest answers to senders",
    },
];

/// What `make test` runs of it.
const QUICK: [(&str, &str); 4] = [
    (VALIDATE.0, "after-offsets"),
    (STITCH.0, "before-store"),
    (LOADER.0, "after-intent"),
    (LOADER.0, "insert-acknowledged"),
];

pub(crate) fn all() -> Vec<Fault> {
    let of_row = |row: &'static Row| row.places.iter().map(move |place| fault(row, *place));
    MATRIX.iter().flat_map(of_row).collect()
}

fn fault(row: &'static Row, place: Place) -> Fault {
    let (thread, _) = place;
    let fault = Fault::new(format!("crash {thread}/{}", row.point), "deaths", move |scene| {
        for hit in row.hits {
            die(scene, row.point, place, *hit).with_context(|| format!("at hit {hit}"))?;
        }
        Ok(row.hits.len() as u64)
    });
    fault.quick(QUICK.contains(&(thread, row.point)))
}

/// Starts the service anew with the order to die, and again without when it is dead.
fn die(scene: &Scene<'_>, point: &str, place: Place, hit: u64) -> anyhow::Result<()> {
    let (thread, service) = place;
    let process = scene.flow.service(service);
    let filter = if place == INGEST { String::new() } else { format!("{thread}/") };
    process.kill()?;
    process.start_with(&[(crashpoint::VARIABLE, &format!("{filter}{point}:{hit}"))])?;
    if point == "in-revoke" {
        process.until_ready()?;
        // Another member joins: the group takes everything away to give it out anew.
        scene.flow.instance(service, 1).start()?;
    }
    is_dead(process, point)?;
    process.restart()?;
    scene.traffic.until_acknowledged(5)
}

fn is_dead(process: &ServiceProcess, point: &str) -> anyhow::Result<()> {
    let status = process
        .until_ended(DIES_WITHIN)
        .context("is the binary built with `--features waybill/crashpoints`?")?;
    ensure!(status.signal() == Some(SIGABRT), "{process} ended otherwise: {status}");
    let said = process.log_tail().contains(&format!("aborts at {point}"));
    ensure!(said, "{process} aborted elsewhere:\n{}", process.log_tail());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// All code of the crates.
    fn code(folder: &Path) -> String {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let texts = entries.map(|path| match path.extension() {
            _ if path.is_dir() => code(&path),
            Some(kind) if kind == "rs" => fs::read_to_string(&path).unwrap(),
            _ => String::new(),
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_point_is_in_the_code_and_in_the_matrix() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
        let code = code(&crates);
        for point in crashpoint::POINTS {
            let reached = [
                format!("crashpoint!(\"{}\")", point.name),
                format!("const POINT: &str = \"{}\"", point.name),
            ];
            assert!(reached.iter().any(|it| code.contains(it)), "{} is nowhere", point.name);
        }
        let listed: BTreeSet<&str> = crashpoint::POINTS.iter().map(|it| it.name).collect();
        let covered: BTreeSet<&str> = MATRIX.iter().map(|row| row.point).collect();
        assert_eq!(listed, covered);
    }

    #[test]
    fn a_point_is_tried_at_each_stage_or_the_matrix_says_why_not() {
        for row in &MATRIX {
            let places = || row.places.iter().map(|place| place.0);
            let everywhere = Stage::ALL.iter().all(|stage| places().any(|it| it == stage.name()));
            assert_ne!(everywhere, !row.why_not_elsewhere.is_empty(), "{}", row.point);
            assert!(!row.places.is_empty() && !row.hits.is_empty(), "{}", row.point);
        }
    }
}
