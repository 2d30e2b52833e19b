//! The crash matrix: every point at every stage that has it. What has intents or a state is
//! tried twice: started again in its own slot, and outlived by another.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use anyhow::{Context as _, ensure};
use topology::{Service, Stage};
use waybill_tests::ServiceProcess;

use crate::{
    fault::{Fault, Fired, Scene},
    takeover::{Estate, has_estate},
};

/// A stage under traffic reaches any of its points in this time.
const DIES_WITHIN: Duration = Duration::from_secs(40);
const SIGKILL: i32 = 9;

/// A thread that reaches points, and the service that it is of.
pub(crate) type Place = (&'static str, Service);

const VALIDATE: Place = (Stage::Validate.name(), Service::Validate);
const ENRICH: Place = (Stage::Enrich.name(), Service::Enrich);
const STITCH: Place = (Stage::IdentityStitch.name(), Service::IdentityStitch);
pub(crate) const LOADER: Place = (Stage::ForwardClickhouse.name(), Service::Forward);
/// A loader of a side table, which is no stage but the same loop.
pub(crate) const SIDE: Place = ("forward-discarded-events", Service::Forward);
/// No thread bears its name: any of its process is meant.
const INGEST: Place = ("ingest", Service::Ingest);

/// How a service that was killed comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// As the member of the group that it was: nothing moves.
    OwnSlot,
    /// Not at all: another takes over.
    OtherSlot,
}

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

/// Points at which there is an intent for certain.
const IN_DOUBT: [&str; 3] = ["after-intent", "insert-half-sent", "insert-acknowledged"];

/// What `make test` runs of it.
const QUICK: [(&str, &str, Back); 5] = [
    (VALIDATE.0, "after-offsets", Back::OwnSlot),
    (STITCH.0, "before-store", Back::OwnSlot),
    (LOADER.0, "after-intent", Back::OwnSlot),
    (LOADER.0, "insert-acknowledged", Back::OwnSlot),
    (LOADER.0, "insert-half-sent", Back::OtherSlot),
];

pub(crate) fn all() -> Vec<Fault> {
    let of_row = |row: &'static Row| {
        let of_place = |place: &'static Place| backs(*place).iter().map(move |back| (place, back));
        row.places.iter().flat_map(of_place).map(move |(place, back)| fault(row, *place, *back))
    };
    MATRIX.iter().flat_map(of_row).collect()
}

const fn backs((_, service): Place) -> &'static [Back] {
    if has_estate(service) { &[Back::OwnSlot, Back::OtherSlot] } else { &[Back::OwnSlot] }
}

fn fault(row: &'static Row, place: Place, back: Back) -> Fault {
    let (thread, _) = place;
    let suffix = if back == Back::OtherSlot { " (other slot)" } else { "" };
    let fault =
        Fault::new(format!("crash {thread}/{}{suffix}", row.point), "deaths", move |scene| {
            let mut told = Vec::new();
            for (hit, slot) in row.hits.iter().zip(0..) {
                let slot = if back == Back::OtherSlot { slot } else { 0 };
                let died = die(scene, row.point, place, *hit, slot)
                    .and_then(|process| come_back(scene, row.point, place, (process, back)));
                told.extend(died.with_context(|| format!("at hit {hit}"))?);
            }
            Ok(Fired { times: row.hits.len() as u64, told })
        });
    fault.quick(QUICK.contains(&(thread, row.point, back)))
}

/// Starts the service anew in its slot with the order to die, and waits until it is dead.
fn die<'a>(
    scene: &Scene<'a>,
    point: &str,
    (thread, service): Place,
    hit: u64,
    slot: u16,
) -> anyhow::Result<&'a ServiceProcess> {
    let process = scene.flow.instance(service, slot);
    let filter = if service == INGEST.1 { String::new() } else { format!("{thread}/") };
    process.kill()?;
    let log_before = process.log().len();
    process.start_with(&[(crashpoint::VARIABLE, &format!("{filter}{point}:{hit}"))])?;
    if point == "in-revoke" {
        process.until_ready()?;
        // Another member joins: the group takes everything away to give it out anew.
        scene.flow.instance(service, slot + 1).start()?;
    }
    let status = process
        .until_ended(DIES_WITHIN)
        .context("is the binary built with `--features waybill/crashpoints`?")?;
    ensure!(status.signal() == Some(SIGKILL), "{process} ended otherwise: {status}");
    let log = process.log();
    let said = log.get(log_before..).is_some_and(|it| it.contains(&format!("dies at {point}")));
    ensure!(said, "{process} died elsewhere:\n{}", process.log_tail());
    Ok(process)
}

/// What there is to tell of it.
fn come_back(
    scene: &Scene<'_>,
    point: &str,
    (group, service): Place,
    (dead, back): (&ServiceProcess, Back),
) -> anyhow::Result<Option<String>> {
    let told = match back {
        Back::OwnSlot => {
            dead.restart()?;
            None
        }
        Back::OtherSlot => {
            let estate = Estate::of(scene.flow, group)?;
            let in_doubt = IN_DOUBT.contains(&point);
            ensure!(!in_doubt || estate.in_doubt() > 0, "{dead} has left no intent");
            Some(estate.taken_by(scene.flow, scene.flow.instance(service, dead.slot() + 1))?)
        }
    };
    scene.traffic.until_acknowledged(5)?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use waybill_tests::SLOTS;

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
    fn what_has_intents_or_a_state_is_outlived_by_another_slot_at_each_of_its_points() {
        let names: Vec<String> = all().into_iter().map(|fault| fault.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for name in &names {
            let has_two = names.contains(&format!("{name} (other slot)"));
            let of_stateless = ["validate", "enrich", "ingest"];
            let expected = !name.ends_with(" (other slot)")
                && !of_stateless.iter().any(|it| name.starts_with(&format!("crash {it}/")));
            assert_eq!(has_two, expected, "{name}");
        }
    }

    #[test]
    fn a_point_is_tried_at_each_stage_or_the_matrix_says_why_not() {
        for row in &MATRIX {
            assert!(row.hits.len() < usize::from(SLOTS), "{}: each death needs a slot", row.point);
            let places = || row.places.iter().map(|place| place.0);
            let everywhere = Stage::ALL.iter().all(|stage| places().any(|it| it == stage.name()));
            assert_ne!(everywhere, !row.why_not_elsewhere.is_empty(), "{}", row.point);
            assert!(!row.places.is_empty() && !row.hits.is_empty(), "{}", row.point);
        }
    }
}
