//! The enrichments with the operator's databases: opened at the start, and followed.

use std::{env, path::Path, sync::Arc, thread, time::Duration};

use enrichment::{
    Database, DatabaseKind, Enrichments, LiveEnrichments, Places, Settings, SettingsProblem,
};
use kafka_runtime::Shutdown;

use crate::database_file::{DatabaseFile, FileProblem};

/// How often the files are looked at. A new one is in use after two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Enrichments that follow the files of their databases.
pub struct Opened {
    live: LiveEnrichments,
    settings: Settings,
    places: Places,
    files: Vec<DatabaseFile>,
}

impl From<Enrichments> for Opened {
    /// Enrichments without databases.
    fn from(enrichments: Enrichments) -> Self {
        Self {
            live: enrichments.into(),
            settings: Settings::default(),
            places: Places::default(),
            files: Vec::new(),
        }
    }
}

/// The enrichments that the settings ask for, with the databases that they name, verified whole; or
/// everything that cannot stand. A database that is missing or damaged at the start is a mistake of the
/// deployment; one that becomes so later is refused, and the one before stays in use.
pub fn open(settings: &Settings) -> Result<Opened, Vec<SettingsProblem>> {
    let mut problems = Vec::new();
    let mut places = Places::default();
    let files = open_files(settings, &mut places, &mut problems);
    match Enrichments::with_places(settings, &places) {
        Ok(enrichments) if problems.is_empty() => {
            Ok(Opened { live: enrichments.into(), settings: settings.clone(), places, files })
        }
        made => {
            problems.extend(made.err().unwrap_or_default());
            Err(problems)
        }
    }
}

fn open_files(
    settings: &Settings,
    places: &mut Places,
    problems: &mut Vec<SettingsProblem>,
) -> Vec<DatabaseFile> {
    let copy_dir = settings.geo.copy_dir.clone().unwrap_or_else(env::temp_dir);
    let mut files = Vec::new();
    for kind in DatabaseKind::ALL {
        let Some(path) = path_of(settings, kind) else { continue };
        match DatabaseFile::open(kind, path, &copy_dir) {
            Ok((file, database)) => {
                put(places, kind, database);
                files.push(file);
            }
            Err(problem) => problems.push(problem_of(kind, path, &problem)),
        }
    }
    files
}

fn path_of(settings: &Settings, kind: DatabaseKind) -> Option<&Path> {
    match kind {
        DatabaseKind::City => settings.geo.city.as_deref(),
        DatabaseKind::Asn => settings.geo.asn.as_deref(),
    }
}

fn put(places: &mut Places, kind: DatabaseKind, database: Arc<Database>) {
    let place = match kind {
        DatabaseKind::City => &mut places.city,
        DatabaseKind::Asn => &mut places.asn,
    };
    *place = Some(database);
}

fn problem_of(kind: DatabaseKind, path: &Path, problem: &FileProblem) -> SettingsProblem {
    let remedy = match problem {
        FileProblem::Unread { .. } => "let it be read, and set geo.copy_dir to a folder with room",
        _ => "give a whole mmdb file, or take the key out (docs/enriching.md)",
    };
    SettingsProblem {
        key: format!("geo.{}", kind.word()),
        problem: format!("{} {problem}", path.display()),
        remedy: remedy.to_owned(),
    }
}

impl Opened {
    /// The enrichments in force, now and after each change.
    pub fn live(&self) -> LiveEnrichments {
        self.live.clone()
    }

    /// Looks at the files once: what is new and sound is put in place.
    pub fn look(&mut self) {
        let mut is_new = false;
        for file in &mut self.files {
            if let Some(database) = file.look() {
                put(&mut self.places, file.kind(), database);
                is_new = true;
            }
        }
        if !is_new {
            return;
        }
        match Enrichments::with_places(&self.settings, &self.places) {
            Ok(enrichments) => self.live.replace(enrichments),
            // They stood at the start, and are the same.
            Err(problems) => tracing::error!(?problems, "enrichments stay as they were"),
        }
    }

    /// Follows the files on a thread of its own until asked to stop.
    pub(crate) fn follow(mut self, shutdown: Shutdown) {
        if self.files.is_empty() {
            return;
        }
        let following =
            thread::Builder::new().name("enrich-databases".to_owned()).spawn(move || {
                while !shutdown.wait_timeout(LOOK) {
                    self.look();
                }
            });
        if let Err(error) = following {
            tracing::error!("databases of addresses are not followed: {error}");
        }
    }
}
