//! Making the tables: what would be done, and doing it.

use std::fmt::{self, Write as _};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::cluster::Told;
use crate::migrations::{DICTIONARY, MIGRATIONS, Migration};
use crate::promoted_sql::quoted;
use crate::{Newcomer, RetentionChange, Shard, Warehouse, WarehouseError};

/// What stands between the database and the files of `deploy/clickhouse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationPlan {
    /// The database.
    pub database: String,
    /// Whether it is there already.
    pub database_exists: bool,
    /// The cluster on all of whose hosts everything is made; none: on the only host.
    pub cluster: Option<String>,
    /// The database with the rows; on a cluster it is another.
    pub storage: String,
    /// Hosts that lack some of what another has.
    pub newcomers: Vec<Newcomer>,
    /// Every file in order.
    pub steps: Vec<MigrationStep>,
    /// Which tables are to keep their rows for another time.
    pub retention: Vec<RetentionChange>,
    /// What must be mended by hand before anything is done.
    pub problems: Vec<String>,
}

/// One file of `deploy/clickhouse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStep {
    /// Number of the file.
    pub version: u32,
    /// Name of the file.
    pub name: &'static str,
    /// Whether the database has it.
    pub state: MigrationState,
    /// Its statements, for one host.
    pub statements: Vec<String>,
}

/// Whether the database has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// It has it.
    Applied,
    /// It is to be applied.
    Pending,
    /// It was applied with another text.
    Changed,
}

impl MigrationPlan {
    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        let applied = self.steps.iter().all(|s| s.state == MigrationState::Applied);
        let is_like_the_files = applied && self.retention.is_empty() && self.newcomers.is_empty();
        self.database_exists && is_like_the_files && self.problems.is_empty()
    }
}

impl fmt::Display for MigrationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.database_exists { "is there" } else { "will be created" };
        write!(f, "database {} {verb}", self.database)?;
        if let Some(cluster) = &self.cluster {
            write!(
                f,
                " on all hosts of cluster {cluster}, and beside it {} with the rows",
                self.storage
            )?;
        }
        self.newcomers.iter().try_for_each(|newcomer| write!(f, "\n{newcomer}"))?;
        for step in &self.steps {
            let state = match step.state {
                MigrationState::Applied => "applied",
                MigrationState::Pending => "will be applied",
                MigrationState::Changed => "was applied with another text: refused",
            };
            write!(f, "\n{} {state}", step.name)?;
        }
        self.retention.iter().try_for_each(|change| write!(f, "\n{change}"))?;
        self.problems.iter().try_for_each(|problem| write!(f, "\nto be mended first: {problem}"))
    }
}

#[derive(clickhouse::Row, Deserialize)]
struct Known {
    version: u32,
    checksum: String,
}

impl Warehouse {
    /// What [`Self::migrate_apply`] would do. Changes nothing.
    pub async fn migrate_plan(&self) -> Result<MigrationPlan, WarehouseError> {
        const DATABASES: &str = "SELECT name FROM system.databases WHERE name = ?";
        let found: Vec<String> = self.rows(self.server(DATABASES).bind(&self.database)).await?;
        let known = self.known().await?;
        let (retention, foreign) = self.retention().await?;
        let problems = self.problems().await?.into_iter().chain(foreign).collect();
        Ok(MigrationPlan {
            database: self.database.clone(),
            database_exists: !found.is_empty(),
            cluster: self.cluster.clone(),
            storage: self.storage.clone(),
            newcomers: self.newcomers().await?,
            steps: MIGRATIONS.iter().map(|file| step(file, &known)).collect(),
            retention,
            problems,
        })
    }

    /// Applies what is pending, in order, and returns the plan that it followed. Every statement
    /// may be repeated, so it may be broken off and begun again, and run twice at once. Refuses to
    /// do anything where a file was changed after it was applied, and where hosts, cluster and tables
    /// are not what the configuration says.
    pub async fn migrate_apply(&self) -> Result<MigrationPlan, WarehouseError> {
        let plan = self.migrate_plan().await?;
        if let Some(step) = plan.steps.iter().find(|s| s.state == MigrationState::Changed) {
            return Err(WarehouseError::ChangedMigration(step.name.to_owned()));
        }
        if !plan.problems.is_empty() {
            return Err(WarehouseError::Unfit(plan.problems.join("\n")));
        }
        let create = format!("CREATE DATABASE IF NOT EXISTS {}", self.database);
        for statement in self.told(&create) {
            self.execute(self.server(&statement)).await?;
        }
        self.complete_newcomers().await?;
        for file in pending(&plan) {
            for statement in file.statements() {
                self.apply(&statement).await?;
            }
            self.record(file).await?;
        }
        self.put_retention_in_force().await?;
        self.make_dictionaries().await?;
        self.comment_views().await?;
        Ok(plan)
    }

    /// Makes the dictionaries anew: user and password may have changed since.
    pub(crate) async fn make_dictionaries(&self) -> Result<(), WarehouseError> {
        let statements = MIGRATIONS.iter().flat_map(Migration::statements);
        for statement in statements.filter(|it| it.starts_with(DICTIONARY)) {
            self.apply(&statement).await?;
        }
        Ok(())
    }

    /// Every statement as the host or the cluster is told it.
    pub fn statements(&self) -> Vec<String> {
        let statements = MIGRATIONS.iter().flat_map(Migration::statements);
        statements.flat_map(|statement| self.told(&self.filled(&statement))).collect()
    }

    /// Executes a statement of a file, or one like them.
    pub(crate) async fn apply(&self, statement: &str) -> Result<(), WarehouseError> {
        for statement in self.told(&self.filled(statement)) {
            self.execute(self.statement(&statement)).await?;
        }
        Ok(())
    }

    /// The statement as the host or the cluster is told it.
    pub(crate) fn told(&self, statement: &str) -> Vec<String> {
        match &self.cluster {
            Some(cluster) => {
                let Self { database, storage, .. } = self;
                Told { cluster, database, storage }.told(statement)
            }
            None => vec![statement.to_owned()],
        }
    }

    /// The statement with the names that it leaves open: views with parameters and dictionaries do
    /// not look into the database that they stand in by themselves, and a dictionary asks as a user.
    pub(crate) fn filled(&self, statement: &str) -> String {
        statement
            .replace("{database}", &self.database)
            .replace("{user}", &quoted(&self.user))
            .replace("{password}", &quoted(&self.password))
    }

    async fn known(&self) -> Result<Vec<Known>, WarehouseError> {
        const TABLE: &str = "SELECT name FROM system.tables \
            WHERE database = ? AND name = 'schema_migrations'";
        let table: Vec<String> = self.rows(self.server(TABLE).bind(&self.storage)).await?;
        if table.is_empty() {
            return Ok(Vec::new());
        }
        let sql =
            format!("SELECT DISTINCT version, checksum FROM {}", self.stored("schema_migrations"));
        self.caught_up_rows(Shard::HOME, "schema_migrations", &self.question(&sql)).await
    }

    async fn record(&self, file: &Migration) -> Result<(), WarehouseError> {
        let sql = format!(
            "INSERT INTO {} (version, name, checksum) VALUES (?, ?, ?)",
            self.stored("schema_migrations")
        );
        let query = self.writing(&sql).bind(file.version).bind(file.name).bind(checksum(file));
        self.execute(query).await
    }
}

fn pending(plan: &MigrationPlan) -> impl Iterator<Item = &'static Migration> {
    let is_pending = |version| {
        plan.steps.iter().any(|s| s.version == version && s.state == MigrationState::Pending)
    };
    MIGRATIONS.iter().filter(move |file| is_pending(file.version))
}

fn step(file: &Migration, known: &[Known]) -> MigrationStep {
    let ours = checksum(file);
    let texts: Vec<_> = known.iter().filter(|known| known.version == file.version).collect();
    let state = if texts.is_empty() {
        MigrationState::Pending
    } else if texts.iter().all(|known| known.checksum == ours) {
        MigrationState::Applied
    } else {
        MigrationState::Changed
    };
    MigrationStep { version: file.version, name: file.name, state, statements: file.statements() }
}

/// SHA-256 of the statements, 64 hex digits: a comment between them may be mended at any time.
fn checksum(file: &Migration) -> String {
    let digest = Sha256::digest(file.statements().join(";\n"));
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_pending_then_applied_and_changed_when_its_text_is_another() {
        let file = &MIGRATIONS[1];
        let known = |checksum: String| vec![Known { version: file.version, checksum }];
        assert_eq!(step(file, &[]).state, MigrationState::Pending);
        assert_eq!(step(file, &known(checksum(file))).state, MigrationState::Applied);
        assert_eq!(step(file, &known("another".to_owned())).state, MigrationState::Changed);
        let other = Migration { text: "-- only a comment\nCREATE TABLE x", ..*file };
        let same = Migration { text: "CREATE TABLE x;\n", ..*file };
        assert_eq!(checksum(&other), checksum(&same));
        assert_eq!(checksum(file).len(), 64);
    }
}
