//! The instances of the services that a flow may run.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use local_stack::spawner::Spawner;
use topology::{Service, Stage};

use crate::{flow::SLOTS, http::Http, service_process::ServiceProcess};

/// Every instance that may run, in the order of their admin ports.
fn instances() -> impl Iterator<Item = (Service, u16)> {
    let keeps_a_group = |service| Stage::ALL.iter().any(|stage| stage.service() == service);
    let slots = move |service| 0..if keeps_a_group(service) { SLOTS } else { 1 };
    let all = Service::RUNNABLE.into_iter();
    all.flat_map(move |service| slots(service).map(move |slot| (service, slot)))
}

/// The admin ports of the instances that a flow starts with.
pub(crate) fn first_slots(admin: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = instances().zip(admin).filter(|((_, slot), _)| *slot == 0);
    first.map(|(_, admin)| *admin).collect()
}

/// The processes, none of them started.
pub(crate) fn services(
    binary: &Path,
    folder: &Path,
    admin: &[SocketAddr],
    http: &Http,
) -> anyhow::Result<BTreeMap<(Service, u16), ServiceProcess>> {
    let spawner = Arc::new(Spawner::start()?);
    let process = |((service, slot), admin): ((Service, u16), &SocketAddr)| {
        let name = if slot == 0 { service.to_string() } else { format!("{service}-{slot}") };
        let process = ServiceProcess {
            service,
            slot,
            binary: binary.to_owned(),
            config: folder.join("waybill.toml"),
            log: folder.join(format!("{name}.log")),
            admin: *admin,
            spawner: spawner.clone(),
            http: http.clone(),
            process: Mutex::default(),
        };
        ((service, slot), process)
    };
    Ok(instances().zip(admin).map(process).collect())
}
