//! What was told of some ids, and what follows from it.

use std::collections::BTreeSet;

use event::{IdentityAlias, IdentityLink, Millis};
use identity::{Limits, Resolution, resolve};
use warehouse::{LinksOf, Warehouse, WarehouseError};

use crate::config::Config;

/// What was told, and what follows from it.
#[derive(Debug, Default)]
pub(in crate::commands) struct Known {
    /// Links and orders about links: of the device, or of all devices of the person.
    pub(in crate::commands) links: Vec<IdentityLink>,
    /// Merges of users, and orders about merges, that have to do with the ids.
    pub(in crate::commands) aliases: Vec<IdentityAlias>,
    /// What follows.
    pub(in crate::commands) resolution: Resolution,
}

impl Known {
    /// All ids of the person for whom this user id stands, and that id itself.
    pub(in crate::commands) fn names_of(&self, user: &str) -> (String, Vec<String>) {
        let whole = |id: &str| {
            let merged = self.resolution.aliases.resolve(id);
            merged.map_or_else(|| id.to_owned(), |known| known.user_id.to_owned())
        };
        let person = whole(user);
        let told = self.aliases.iter().flat_map(|alias| [&alias.previous_id, &alias.user_id]);
        let mut names: BTreeSet<String> = told.filter(|id| whole(id) == person).cloned().collect();
        names.insert(user.to_owned());
        names.insert(person.clone());
        (person, names.into_iter().collect())
    }
}

/// Asks ClickHouse, and resolves.
pub(in crate::commands) struct Asker {
    pub(in crate::commands) warehouse: Warehouse,
    limits: Limits,
    /// Only what was appended no later counts; milliseconds UTC.
    until: Option<Millis>,
}

impl Asker {
    /// Goes by the limits that the views go by.
    pub(in crate::commands) async fn new(
        config: &Config,
        until: Option<Millis>,
    ) -> anyhow::Result<Self> {
        let warehouse = Warehouse::new(&config.warehouse)?;
        let limits = warehouse.identity_limits().await?;
        let most = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let limits = Limits {
            users_per_device: most(limits.users_per_device),
            devices_per_user: most(limits.devices_per_user),
        };
        Ok(Self { warehouse, limits, until })
    }

    /// What is known of a device.
    pub(in crate::commands) async fn device(&self, id: &str) -> Result<Known, WarehouseError> {
        let of_device = self.links(LinksOf::Devices(&[id.to_owned()])).await?;
        let users = ids(&of_device, |link| &link.user_id);
        let mut all = self.links(LinksOf::Users(&users)).await?;
        // Whether a user has too many devices depends on whose those are.
        let crowded: Vec<&String> =
            users.iter().filter(|user| self.is_crowded(user, &all)).collect();
        if !crowded.is_empty() {
            let more = all.iter().filter(|link| crowded.contains(&&link.user_id));
            let devices: BTreeSet<String> = more.map(|link| link.anonymous_id.clone()).collect();
            let devices: Vec<String> = devices.into_iter().collect();
            all.extend(self.links(LinksOf::Devices(&devices)).await?);
        }
        all.extend(of_device.iter().cloned());
        let aliases = self.aliases(&users).await?;
        Ok(self.known(of_device, &all, aliases))
    }

    /// What is known of a user: of all of her ids and devices.
    pub(in crate::commands) async fn user(&self, id: &str) -> Result<Known, WarehouseError> {
        let aliases = self.aliases(&[id.to_owned()]).await?;
        let (_, users) = self.known(Vec::new(), &[], aliases.clone()).names_of(id);
        let links = self.links(LinksOf::Users(&users)).await?;
        let devices = ids(&links, |link| &link.anonymous_id);
        let all = self.links(LinksOf::Devices(&devices)).await?;
        Ok(self.known(links, &all, aliases))
    }

    fn known(
        &self,
        links: Vec<IdentityLink>,
        all: &[IdentityLink],
        aliases: Vec<IdentityAlias>,
    ) -> Known {
        let resolution = resolve(all, &aliases, self.limits);
        Known { links, aliases, resolution }
    }

    fn is_crowded(&self, user: &str, links: &[IdentityLink]) -> bool {
        let own = links.iter().filter(|link| link.user_id == user);
        let devices: BTreeSet<&str> = own.map(|link| link.anonymous_id.as_str()).collect();
        devices.len() > self.limits.devices_per_user
    }

    async fn links(&self, of: LinksOf<'_>) -> Result<Vec<IdentityLink>, WarehouseError> {
        let mut links = self.warehouse.links(of).await?;
        links.retain(|link| self.was_told(link.appended_at));
        Ok(links)
    }

    async fn aliases(&self, users: &[String]) -> Result<Vec<IdentityAlias>, WarehouseError> {
        let mut aliases = self.warehouse.aliases(users).await?;
        aliases.retain(|alias| self.was_told(alias.appended_at));
        Ok(aliases)
    }

    fn was_told(&self, appended_at: Millis) -> bool {
        self.until.is_none_or(|until| appended_at <= until)
    }
}

fn ids(links: &[IdentityLink], id: impl Fn(&IdentityLink) -> &String) -> Vec<String> {
    let ids: BTreeSet<String> = links.iter().map(|link| id(link).clone()).collect();
    ids.into_iter().collect()
}
